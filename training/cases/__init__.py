"""How weights/cases.npz, the table of similar cases, came to be."""
