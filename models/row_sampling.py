"""GridSample as a look-up of whole rows of channels: on a processor that takes a quarter of the time.

ONNX Runtime samples one number after the other; here all channels of a cell lie together and are weighed at once, for
all samples of one map in one go. Bilinear, corners aligned, zeros outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, helper, numpy_helper

Shapes = Mapping[str, Sequence[int]]
"""Of tensors by name; 0 where a size is open."""


def sample_by_rows(graph: GraphProto, shapes: Shapes) -> None:
    """Replace every GridSample of a kind that is known here."""
    by_map: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        if node.op_type == "GridSample" and _is_known(node, shapes):
            by_map.setdefault(node.input[0], []).append(node)
    for features, samples in by_map.items():
        for node in _Rows(graph, features, shapes[features]).sampled(samples, shapes):
            graph.node.append(node)
        for node in samples:
            graph.node.remove(node)
    if by_map:
        _put_in_order(graph)


def _is_known(node: NodeProto, shapes: Shapes) -> bool:
    attributes = {one.name: one for one in node.attribute}
    plain = "mode" not in attributes or attributes["mode"].s in (b"bilinear", b"linear")
    zeros = "padding_mode" not in attributes or attributes["padding_mode"].s == b"zeros"
    aligned = "align_corners" in attributes and attributes["align_corners"].i == 1
    sizes = [*shapes.get(node.input[0], ())[1:], *shapes.get(node.input[1], ())[1:]]
    return plain and zeros and aligned and len(sizes) == 6 and min(sizes) > 0


class _Rows:
    """Nodes that look up rows of one map (N, C, H, W)."""

    def __init__(self, graph: GraphProto, features: str, shape: Sequence[int]) -> None:
        self._graph, self._features = graph, features
        _, self._channels, self._height, self._width = shape
        self._nodes: list[NodeProto] = []

    def sampled(self, samples: Sequence[NodeProto], shapes: Shapes) -> list[NodeProto]:
        """The nodes that make the outputs of all samples."""
        counts = [int(np.prod(shapes[node.input[1]][1:3])) for node in samples]
        grids = [
            self._make("Reshape", node.input[1], self._integers([0, count, 2]))
            for node, count in zip(samples, counts, strict=True)
        ]
        grid = self._make("Concat", *grids, axis=1) if len(grids) > 1 else grids[0]
        last = np.array([self._width - 1, self._height - 1], np.float32).reshape(2, 1)
        at = self._make("Transpose", grid, perm=[0, 2, 1])
        at = self._make("Mul", self._make("Add", at, self._floats(1)), self._floats(last / 2))
        first = self._make("Max", self._make("Floor", at), self._floats(0))
        # The last cell but one, so that there is a next; a place outside of both has no share in them.
        first = self._make("Min", first, self._floats(last - 1))
        cells = self._make("Add", self._unsqueezed(first, 2), self._floats([[0], [1]]))
        off = self._make("Abs", self._make("Sub", self._unsqueezed(at, 2), cells))
        shares = self._make("Relu", self._make("Sub", self._floats(1), off))
        share = self._make("Mul", *self._by_row_and_column(shares))
        row, column = self._by_row_and_column(cells)
        index = self._make("Add", self._make("Mul", row, self._floats(self._width)), column)
        found = self._make("Gather", self._table(), self._of_cells(self._make("Cast", index, to=7)), axis=0)
        share = self._unsqueezed(self._flat(share), 3)
        total = self._make("ReduceSum", self._make("Mul", found, share), self._integers([1]), keepdims=0)
        total = self._make("Transpose", total, perm=[0, 2, 1])
        parts = [total]
        if len(samples) > 1:
            parts = [f"{node.output[0]}/row" for node in samples]
            self._nodes.append(helper.make_node("Split", [total, self._integers(counts)], parts, axis=2))
        for node, part in zip(samples, parts, strict=True):
            size = self._integers([0, 0, *shapes[node.input[1]][1:3]])
            self._nodes.append(helper.make_node("Reshape", [part, size], list(node.output), name=node.name))
        return self._nodes

    def _table(self) -> str:
        """(N H W, C)."""
        rows = self._make("Transpose", self._features, perm=[0, 2, 3, 1])
        return self._make("Reshape", rows, self._integers([-1, self._channels]))

    def _of_cells(self, index: str) -> str:
        """(N, 4, P) rows of the table of (N, 2, 2, P) cells of each picture's map."""
        count = self._make("Slice", self._make("Shape", self._features), self._integers([0]), self._integers([1]))
        zero, one = (
            numpy_helper.from_array(np.array(value, np.int64), f"{self._features}/{value}") for value in (0, 1)
        )
        self._graph.initializer.extend([zero, one])
        pictures = self._make("Range", zero.name, self._make("Squeeze", count), one.name)
        first = self._make("Mul", pictures, self._integers([self._height * self._width]))
        first = self._make("Reshape", first, self._integers([-1, 1, 1]))
        return self._make("Add", self._flat(index), first)

    def _by_row_and_column(self, both: str) -> tuple[str, str]:
        """(N, 2, 1, P) of y and (N, 1, 2, P) of x out of (N, 2 axes, 2 cells, P)."""
        x, y = f"{both}/x", f"{both}/y"
        self._nodes.append(helper.make_node("Split", [both, self._integers([1, 1])], [x, y], axis=1))
        return self._make("Transpose", y, perm=[0, 2, 1, 3]), x

    def _flat(self, cells: str) -> str:
        return self._make("Reshape", cells, self._integers([0, 4, -1]))

    def _unsqueezed(self, value: str, axis: int) -> str:
        return self._make("Unsqueeze", value, self._integers([axis]))

    def _make(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{self._features}/{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def _floats(self, value: object) -> str:
        return self._constant(np.asarray(value, np.float32))

    def _integers(self, value: object) -> str:
        return self._constant(np.asarray(value, np.int64))

    def _constant(self, value: NDArray[np.generic]) -> str:
        name = f"{self._features}/constant_{len(self._graph.initializer)}"
        self._graph.initializer.append(numpy_helper.from_array(value, name))
        return name


def _put_in_order(graph: GraphProto) -> None:
    """Makers before users, else as it was."""
    known = {value.name for value in (*graph.input, *graph.initializer)} | {""}
    waiting, ordered = list(graph.node), list[NodeProto]()
    while waiting:
        first = next(node for node in waiting if known.issuperset(node.input))
        known.update(first.output)
        ordered.append(first)
        waiting.remove(first)
    copies = [NodeProto.FromString(node.SerializeToString()) for node in ordered]
    del graph.node[:]
    graph.node.extend(copies)
