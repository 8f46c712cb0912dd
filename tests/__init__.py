from pathlib import Path

WITHOUT_JAX = str(Path(__file__).parent / "without_jax")  # first in a path of modules: as without the package
