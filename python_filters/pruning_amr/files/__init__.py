"""Checkpoint files read without running anything of them: formats, pickles, modules.

Nothing here knows PyTorch, and nothing what a network is. Import from the modules: some are needed
where numpy is not.

.. code-block:: text

    formats      who reads a file;                            kinds     what it is, by its content
    torch_files  PyTorch's zip format and the one before it;  scripts  TorchScript
    arrays       .npz and .safetensors;                       archives  zip files under limits
    pickles      the interpreter;  instructions  its bytes;   builders  what calls make
    names        what is refused as an attack
    tensors, dtypes  numbers;      plain     content;         records  objects
    modules      a network stored as an object
    limits       what a file may take
"""
