"""The files of one CT series to one ordered volume."""
