"""From uploaded bytes to a scan."""

import logging
import warnings

# What these libraries have to say of a file quotes its values, names of patients too: it goes to no log.
for _library in ("pydicom", "PIL", "pylibjpeg", "openjpeg", "tifffile", "nibabel.global"):
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module=r"(pydicom|PIL)\.")
