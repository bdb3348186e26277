// Light, dark, or as the system has it.

const KEY = "gateway-theme";
const THEMES = ["auto", "light", "dark"];

/** Puts the chosen theme on the page and lets `button` change it; `name` shows it. */
export function setUpTheme(button, name, onChange = () => {}, storage = localStorage, root = document.documentElement) {
  const show = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    name.textContent = theme[0].toUpperCase() + theme.slice(1);
    onChange(theme);
  };
  const stored = storage.getItem(KEY);
  let theme = THEMES.includes(stored) ? stored : "auto";
  show(theme);
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    storage.setItem(KEY, theme);
    show(theme);
  });
}
