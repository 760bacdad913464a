"""What every process is bolted to. No domain word is spoken here."""
