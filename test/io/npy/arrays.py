"""Arrays as NumPy writes them, and as it reads them.

    python3 arrays.py make FOLDER     arrays.npz, compressed.npz; arrays.json: what is in both
    python3 arrays.py read FILES      what is in .npy and .npz files, as JSON
"""

import io
import json
import sys
import zipfile

import numpy as np
from numpy.lib import format as npy


def described(array):
    return {"shape": list(array.shape), "dtype": array.dtype.str, "values": array.ravel().tolist()}


def make(folder):
    arrays = {}
    for code in ["f2", "f4", "f8", "i1", "i2", "i4", "i8"]:
        for order in "<>":
            for fortran in "CF":
                values = np.linspace(-100.5, 101.75, 6).reshape(2, 3)
                arrays[code + order + fortran] = np.array(values, order + code, order=fortran)
    for code in ["u1", "u2", "u4", "u8", "?"]:
        arrays[code] = np.arange(0, 120, 20).reshape(3, 2).astype(code)
    arrays["scalar"] = np.array(2.5)
    arrays["vector"] = np.array([1, 2, 3])
    arrays["empty"] = np.zeros((0, 3), "f4")
    arrays["cube"] = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
    arrays["γ/β"] = np.ones(1, "f4")
    np.savez(f"{folder}/arrays.npz", **arrays)
    np.savez_compressed(f"{folder}/compressed.npz", **arrays)
    with zipfile.ZipFile(f"{folder}/versions.npz", "w") as archive:
        for version in [1, 2, 3]:
            file = io.BytesIO()
            npy.write_array(file, arrays["cube"], version=(version, 0))
            archive.writestr(f"{version}.npy", file.getvalue())
    with open(f"{folder}/arrays.json", "w") as file:
        json.dump({name: described(array) for name, array in arrays.items()}, file)


def read(*files):
    found = {}
    for file in files:
        loaded = np.load(file)
        for name, array in loaded.items() if file.endswith(".npz") else [("", loaded)]:
            found[name] = described(array)
    print(json.dumps(found))


{"make": make, "read": read}[sys.argv[1]](*sys.argv[2:])
