"""Checkpoint files read without running anything of them: formats, pickles, modules.

Nothing here knows PyTorch, and nothing what a network is. Import from the modules: some are needed
where numpy is not.

.. code-block:: text

    formats      what a file is, by its content, and who reads it
    torch_files  PyTorch's zip format and the one before it;  scripts  TorchScript
    arrays       .npz and .safetensors;                       archives  zip files under limits
    pickles      the interpreter;  builders  what calls make; names    what is refused
    tensors, dtypes  numbers;      plain     content;         records  objects
    modules      a network stored as an object
    limits       what a file may take
"""
