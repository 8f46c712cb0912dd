"""What a scan is: geometry and grey values, where its lungs are, and the patches that networks read."""
