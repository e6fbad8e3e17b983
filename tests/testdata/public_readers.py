"""Opens every record and image below a folder with public readers; prints counts as JSON.

For WFDB: signals, their checksums, and annotations inside of the record. For
EDF: sample counts. For DICOM, where pydicom is installed: patient and pixels.
"""

import json
import os
import sys

import pyedflib
import wfdb

try:
    import pydicom
except ImportError:
    pydicom = None

counts = {"wfdb": 0, "annotations": 0, "edf": 0, "dicom": 0}
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        stem, extension = os.path.splitext(path)
        if extension not in (".hea", ".atr", ".edf", ".dcm") or os.path.getsize(path) == 0:
            continue
        if extension == ".dcm":
            if pydicom is None or not name[:4].isdigit():
                continue
            image = pydicom.dcmread(path)
            person = os.path.relpath(path, sys.argv[1]).split(os.sep)[0]
            assert image.PatientID == person, path
            assert len(image.PixelData) == image.Rows * image.Columns * 2, path
            counts["dicom"] += 1
            continue
        seconds = int(stem.rsplit("_", 1)[1])
        if extension == ".hea":
            record = wfdb.rdrecord(stem, physical=False)
            assert record.sig_len == seconds * record.fs, path
            assert record.calc_checksum() == [c % 65536 for c in record.checksum], path
            assert [int(v) for v in record.d_signal[0]] == record.init_value, path
            counts["wfdb"] += 1
        elif extension == ".atr":
            annotations = wfdb.rdann(stem, "atr")
            record = wfdb.rdheader(stem)
            assert len(annotations.sample) > 1 and annotations.sample[-1] < record.sig_len, path
            assert annotations.symbol.count("V") == 1, path
            counts["annotations"] += 1
        else:
            with pyedflib.EdfReader(path) as reader:
                rates = reader.getSampleFrequencies()
                assert reader.file_duration == seconds, path
                for channel, rate in enumerate(rates):
                    samples = reader.readSignal(channel, digital=True)
                    assert len(samples) == seconds * rate, path
                    assert samples.min() != samples.max(), path
            counts["edf"] += 1
print(json.dumps(counts))
