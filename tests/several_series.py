"""Uploads of several series for tests: drawn chests, a head, a localizer, and what else a CD holds."""

from pydicom.uid import MRImageStorage

from tests.app.made_series import chest_volume, series_files
from tests.ingest.dicom_files import head_slice, rewritten
from tests.ingest.series_files import make_zip

NAME, PATIENT_ID = "Qxjv^Wrtz", "QXJV-4711"  # which no page shows
PATIENT = {"PatientName": NAME, "PatientID": PATIENT_ID}
STUDY = PATIENT | {"StudyInstanceUID": "1.2.9.1", "StudyDate": "20200131"}
UIDS = {
    name: f"1.2.3.{k}"
    for k, name in enumerate(("soft", "lung", "thick", "head", "scout", "coronal", "mr"), 1)
}
CORONAL = [1, 0, 0, 0, 0, -1]


def series(name, volume, step_mm=1.0, **tags):
    """(name, bytes) of a series in a folder of its own."""
    tags = STUDY | {"SliceThickness": step_mm} | tags
    files = series_files(volume, step_mm=step_mm, **tags)
    return [(f"{name}/{file}", rewritten(data, SeriesInstanceUID=UIDS[name])) for file, data in files]


def soft(**tags):
    """Nine slices of 1 mm of a chest, soft tissue kernel; slice 3 shows a nodule."""
    usual = {"SeriesNumber": 2, "SeriesDescription": "Thorax 1.0", "ConvolutionKernel": "B31f"}
    return series("soft", chest_volume(9), **usual | tags)


def lung(**tags):
    """The same, reconstructed for the lung."""
    usual = {"SeriesNumber": 3, "SeriesDescription": "Thorax 1.0", "ConvolutionKernel": "B70f"}
    return series("lung", chest_volume(9), **usual | tags)


def thick(**tags):
    """Three slices of 5 mm, whose description names the patient."""
    usual = {"SeriesNumber": 4, "SeriesDescription": "WRTZ 5 mm", "ConvolutionKernel": "B31f"}
    return series("thick", chest_volume(3), 5.0, **usual | tags)


def head(**tags):
    """Five thin slices of a head."""
    usual = {"SeriesNumber": 5, "SeriesDescription": "Head 0.6"}
    return series("head", [head_slice((256, 256))] * 5, 0.6, **usual | tags)


def scout():
    """A localizer."""
    kind = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    return series("scout", chest_volume(1), SeriesNumber=1, SeriesDescription="Topogram", **kind)


def coronal():
    """Three coronal slices."""
    return series("coronal", chest_volume(3), SeriesNumber=6, ImageOrientationPatient=CORONAL)


def mr():
    """Two slices of another modality."""
    return series("mr", chest_volume(2), SeriesNumber=7, Modality="MR", SOPClassUID=MRImageStorage)


def other_patient(files):
    """The same files as of another patient, and another study."""
    tags = {
        "PatientName": "Zzyk^Pq",
        "PatientID": "ZZYK-1",
        "StudyInstanceUID": "1.2.9.2",
        "StudyDate": "20210301",
    }
    return [(f"other/{name}", rewritten(data, **tags)) for name, data in files]


def disc():
    """What a CD holds: four series that can be read, three that cannot, a list, a preview, a leaflet."""
    images = [*scout(), *soft(), *lung(), *thick(), *head(), *coronal(), *mr()]
    return [("DICOMDIR", b""), ("README.TXT", b"Start the viewer."), *images]


def disc_zip():
    """The same as a ZIP."""
    return make_zip(disc())
