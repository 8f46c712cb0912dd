"""How weights/ came to be, and the proof of what they are worth."""
