"""tanh, depth 2 with biases: no closed form, so its kernels are numeric."""

activation = "tanh"
depth = 2
bias = True
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Poole, Lahiri, Raghu, Sohl-Dickstein & Ganguli 2016, arXiv 1606.05340",)


def claims(d):
    return ()
