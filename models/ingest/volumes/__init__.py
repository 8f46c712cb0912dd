"""Volumes that researchers keep CT in (NIfTI, NRRD, MetaImage) to a scan.

nibabel reads the headers of NIfTI and pynrrd those of NRRD; both take streams, so that the process that
decodes needs no files. MetaImage has a reader here: ITK's, the only kept one, wants names of files.
"""
