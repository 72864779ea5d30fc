# mypy: disable-error-code="no-untyped-call"
"""Products of 4-bit rows with 8-bit queries, where the processor multiplies 32 bytes at once.

Eight times fewer bytes to read than float rows, and four times as many products an instruction. None of the libraries
at hand has it: faiss decodes its codes to floats first, and the int8 products of torch and numkong are quick only where
the processor has VNNI (`benchmarks/search.py` compares them).

A row of D numbers is D / 2 bytes. Of each 64 numbers, the low half of 32 bytes holds the first 32, the high half the
others. Sums are kept in 16 bits: `LANE` is what the weights of one lane may add up to.

numba keeps what it compiled beside `scan.py` and looks at that file alone: after a change here, touch it.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding  # type: ignore[import-untyped]
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

STEP = 64  # numbers that one step takes from a row, in 32 bytes
LANES = 16  # sums of a step; number i of a step goes to lane (i % 32) // 2
LANE = 32_767 // 15  # the positive, and likewise the negative, weights of a lane may add up to this

_AVX2 = bool(llvmlite.binding.get_host_cpu_features().get("avx2"))
_BYTES = ir.VectorType(ir.IntType(8), 32)
_SHORTS = ir.VectorType(ir.IntType(16), LANES)
_INTS = ir.VectorType(ir.IntType(32), 8)


def _all(kind: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(kind, [ir.Constant(kind.element, value)] * kind.count)


def _places(*numbers: int) -> ir.Constant:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), [ir.Constant(ir.IntType(32), n) for n in numbers])


def _at(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type) -> ir.Value:
    loaded = builder.load(builder.inttoptr(address, kind.as_pointer()))
    loaded.align = 1
    return loaded


def _products(builder: ir.IRBuilder, codes: ir.Value, weights: ir.Value) -> ir.Value:
    """Of unsigned and signed bytes, neighbors added."""
    if _AVX2:
        kind = ir.FunctionType(_SHORTS, [_BYTES, _BYTES])
        return builder.call(
            cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx2.pmadd.ub.sw"), [codes, weights]
        )
    wide = ir.VectorType(ir.IntType(16), 32)
    products = builder.mul(builder.zext(codes, wide), builder.sext(weights, wide))
    return _folded(builder, products, products, [*range(0, 32, 2)])


def _folded(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, even: list[int]) -> ir.Value:
    """Neighbors of two vectors added: those at `even` and at the places after them."""
    odd = [place + 1 for place in even]
    return builder.add(builder.shuffle_vector(a, b, _places(*even)), builder.shuffle_vector(a, b, _places(*odd)))


def _widened(builder: ir.IRBuilder, sums: ir.Value) -> ir.Value:
    """16 sums of 16 bits to 8 of 32."""
    both, half = builder.bitcast(sums, _INTS), _all(_INTS, 16)
    return builder.add(builder.ashr(builder.shl(both, half), half), builder.ashr(both, half))


def _stored(builder: ir.IRBuilder, sums: list[ir.Value], out: ir.Value) -> None:
    """The total of each vector, one or four of them, one behind the other."""
    if len(sums) == 4:
        across = [0, 2, 8, 10, 4, 6, 12, 14]
        first, second = (_folded(builder, sums[i], sums[i + 1], across) for i in (0, 2))
        four = _folded(builder, first, second, across)
        low, high = (builder.shuffle_vector(four, four, _places(*range(i, i + 4))) for i in (0, 4))
        total = builder.add(low, high)
    else:
        reduce = ir.FunctionType(ir.IntType(32), [_INTS])
        name = "llvm.vector.reduce.add.v8i32"
        total = builder.call(cgutils.get_or_insert_function(builder.module, reduce, name), sums)
    builder.store(total, builder.inttoptr(out, total.type.as_pointer())).align = 4


def _tile(rows: int, queries: int) -> Any:
    """A function of so many rows and queries at once: as many as the registers hold."""

    @intrinsic  # type: ignore[untyped-decorator]
    def tile(
        context: Any, code: Any, row_bytes: Any, weights: Any, weights_bytes: Any, steps: Any, out: Any, out_bytes: Any
    ) -> tuple[Any, Callable[..., Any]]:
        def generate(target: Any, builder: ir.IRBuilder, signature: Any, arguments: list[ir.Value]) -> Any:
            first_row, row_bytes, first_weights, weights_bytes, steps, out, out_bytes = arguments

            def spaced(start: ir.Value, step: ir.Value, count: int) -> list[ir.Value]:
                return [builder.add(start, builder.mul(step, ir.Constant(step.type, n))) for n in range(count)]

            code_rows, weight_rows = spaced(first_row, row_bytes, rows), spaced(first_weights, weights_bytes, queries)
            sums = [[cgutils.alloca_once(builder, _SHORTS) for _ in weight_rows] for _ in code_rows]
            for pointer in (pointer for row in sums for pointer in row):
                builder.store(_all(_SHORTS, 0), pointer)
            with cgutils.for_range(builder, steps) as loop:
                step = builder.mul(loop.index, ir.Constant(loop.index.type, STEP // 2))
                codes = [_at(builder, builder.add(row, step), _BYTES) for row in code_rows]
                low = [builder.and_(code, _all(_BYTES, 15)) for code in codes]
                high = [builder.lshr(code, _all(_BYTES, 4)) for code in codes]
                for query, start in enumerate(weight_rows):
                    place = builder.add(start, builder.add(step, step))
                    for half in (low, high):
                        weight = _at(builder, place, _BYTES)
                        for row, numbers in enumerate(half):
                            added = _products(builder, numbers, weight)
                            builder.store(builder.add(builder.load(sums[row][query]), added), sums[row][query])
                        place = builder.add(place, ir.Constant(place.type, STEP // 2))
            for pointers, place in zip(sums, spaced(out, out_bytes, rows), strict=True):
                _stored(builder, [_widened(builder, builder.load(pointer)) for pointer in pointers], place)
            return target.get_dummy_value()

        return types.void(*[types.intp] * 7), generate

    return tile


# Addresses and distances in bytes: of the first row and from row to row, of the weights likewise, the number of steps,
# where to write the sums (int32, those of one row side by side) and from row to row of them.
rows_4_queries_1 = _tile(4, 1)
rows_2_queries_4 = _tile(2, 4)


@intrinsic  # type: ignore[untyped-decorator]
def pointer(context: Any, address: Any) -> tuple[Any, Callable[..., Any]]:
    """An address as what `numba.carray` takes."""

    def generate(target: Any, builder: ir.IRBuilder, signature: Any, arguments: list[ir.Value]) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def fetch(context: Any, address: Any) -> tuple[Any, Callable[..., Any]]:
    """Have the 64 bytes at an address read while other work is done."""

    def generate(target: Any, builder: ir.IRBuilder, signature: Any, arguments: list[ir.Value]) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, *[ir.IntType(32)] * 3])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        read, keep, data = (ir.Constant(ir.IntType(32), number) for number in (0, 3, 1))
        builder.call(prefetch, [builder.inttoptr(arguments[0], cgutils.voidptr_t), read, keep, data])
        return target.get_dummy_value()

    return types.void(types.intp), generate
