"""What records say of the present code: stored steps, and which state of the code passed them."""
