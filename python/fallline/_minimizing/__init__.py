"""What `fallline.minimize` is made of."""
