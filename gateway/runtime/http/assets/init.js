// Starts the API reference. The token typed under "Authorize" stays in this tab.
"use strict";

window.SwaggerUIBundle({
  url: "/openapi.json?version=3.0",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  persistAuthorization: false,
});
