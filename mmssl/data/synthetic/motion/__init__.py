"""How objects move, as formulas of time: positions, contacts and loudness are exact at any moment."""
