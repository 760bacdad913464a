"""How the product is run: on a laptop, in containers, in production."""
