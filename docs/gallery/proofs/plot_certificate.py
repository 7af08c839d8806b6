"""
A proof, and its verification
=============================

A search gives an upper bound of the global minimum. ``certify`` proves a lower one by branch and bound, and separate
code proves the certificate again.
"""

import matplotlib.pyplot as plt

import optima

# %%
# Three classes, depth two. While the proof runs it tells the least loss that is not excluded yet.

seen = []
record = lambda search: seen.append((search.size, search.bound))
solution = optima.certify(optima.DeepUFM(classes=3, depth=2, reg=1e-3), gap=1e-6, progress=record)
print(solution.certificate.verify())
print(f"the global minimum is between {solution.lower_bound:.12g} and {solution.loss:.12g}")

# %%
# The gap closes as boxes are split.

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
boxes, bounds = zip(*seen, strict=True)
axes.step(boxes, [1 - bound / solution.loss for bound in bounds], where="post", color="#00204c", marker="o")
axes.set(xlabel="boxes", ylabel="gap, 1 - lower bound / loss", yscale="log")
axes.set_title(r"$K = 3$, $L = 2$, $\lambda = 10^{-3}$, $n = 1$", fontsize=10)
plt.show()

# %%
# At full size
# ------------
#
# Beside a general solver, SCIP: ``python examples/plot_certificates.py``, from what
# ``python tests/benchmarks/bench_scip.py`` measured.
#
# .. image:: ../../../examples/certificates.png
#    :alt: Gap between the best minimum known and its proved lower bound over time, beside SCIP
#
# From the command line: ``optima certify --classes 3 --depth 2 --lambda 1e-3 --gap 1e-6``.
