"""Registration of senders for 10DLC: brands, campaigns, numbers, and what carriers make of them."""
