"""Teachers: labels made from the images of the batch themselves."""
