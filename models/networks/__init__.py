"""The five published architectures, adapted to a nodule patch, under any Keras 3 backend."""
