"""Which image features stay what they are when the image and the outline are a little different."""
