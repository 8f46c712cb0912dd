"""How weights/localiser came to be: outlines to fields, training, measuring."""
