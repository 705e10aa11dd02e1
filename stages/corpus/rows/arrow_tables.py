"""Parquet and Arrow files, read batch by batch: their sounds can be larger than memory.

pyarrow is imported where it is needed: it takes a quarter of a second, and most corpora have no such files.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

ROWS_WITH_SOUND = 16  # read at once
ROWS_WITHOUT_SOUND = 4096
BUFFER = 1 << 20  # bytes of a column that are read from disk at once
ARROW_FILE = b"ARROW1"  # begins Arrow's file format; its stream format, which datasets writes, begins with a length
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"

# Batches with the number of their first row, counted from 0.
Batches = Iterator[tuple[int, "pyarrow.RecordBatch"]]


class ParquetTable:
    """A parquet file."""

    def __init__(self, path: Path):
        import pyarrow.parquet

        self._file = pyarrow.parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER)
        self.schema = self._file.schema_arrow
        starts = [0]
        for group in range(self._file.num_row_groups):
            starts.append(starts[-1] + self._file.metadata.row_group(group).num_rows)
        self._starts = starts  # of the row groups, then the number of rows

    def batches(self, columns: list[str], rows: int, first: int = 0) -> Batches:
        """Batches of so many rows with these columns (`audio.path` for a field), from the row group of `first` on."""
        for group, start in enumerate(self._starts[:-1]):
            if self._starts[group + 1] > first:
                for batch in self._file.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False):
                    yield start, batch
                    start += batch.num_rows

    def group_end(self, row: int) -> float:
        """The first row after the row group that holds `row`: from there on, `batches` starts sooner."""
        return next((start for start in self._starts[1:] if start > row), math.inf)

    def empty_cells(self, column: str) -> bool | None:
        """Whether all cells of a column, or a field `audio.bytes`, are empty; None if some may be and others not."""
        numbers = []  # of empty cells
        for group in range(self._file.num_row_groups):
            metadata = self._file.metadata.row_group(group)
            for index in range(metadata.num_columns):
                chunk = metadata.column(index)
                if chunk.path_in_schema == column:
                    statistics = chunk.statistics
                    numbers.append(statistics.null_count if statistics and statistics.has_null_count else None)
        if any(number is None for number in numbers):
            return None
        if sum(numbers) == 0:
            return False
        return True if sum(numbers) == self._starts[-1] else None


class ArrowTable:
    """An Arrow file, mapped into memory: only what is looked at is read from disk."""

    def __init__(self, path: Path):
        import pyarrow.ipc

        self._map = pyarrow.memory_map(str(path))
        self._is_file = self._map.read(len(ARROW_FILE)) == ARROW_FILE
        self._size = self._map.size()
        self.schema = self._reader().schema
        if not self._is_file:
            self._map.seek(max(0, self._size - len(END_OF_STREAM)))
            if self._map.read() != END_OF_STREAM:
                raise ValueError("the mark at its end is missing")

    def batches(self, columns: list[str], rows: int, first: int = 0) -> Batches:
        """The batches of the file with these columns; their size is the file's own, and `first` changes nothing."""
        reader = self._reader()
        names = list(dict.fromkeys(column.split(".")[0] for column in columns))
        batches = map(reader.get_batch, range(reader.num_record_batches)) if self._is_file else reader
        start = 0
        for batch in batches:
            chosen = batch.select(names)
            chosen.validate(full=True)  # damaged offsets would lead out of the file's memory and end the process
            yield start, chosen
            start += batch.num_rows

    def _reader(self) -> "pyarrow.RecordBatchFileReader | pyarrow.RecordBatchStreamReader":
        import pyarrow.ipc

        self._map.seek(0)
        return pyarrow.ipc.open_file(self._map) if self._is_file else pyarrow.ipc.open_stream(self._map)

    def group_end(self, row: int) -> float:
        return math.inf

    def empty_cells(self, column: str) -> bool | None:
        return None


Table = ParquetTable | ArrowTable


def open_table(path: Path) -> Table:
    """A parquet or arrow file. Raises OSError or ValueError where it is neither, or its end is missing."""
    return ParquetTable(path) if path.suffix.lower() == ".parquet" else ArrowTable(path)


class BinaryColumn:
    """The cells of a column of bytes, or of structs with a field `bytes`; quick for rows in order."""

    def __init__(self, table: Table, column: str):
        self._table = table
        self._column = column
        self._end = 0  # the row group of the batch ends before this row
        self._first = 0
        self._cells = None  # of the batch that was read last; None before the first

    def read(self, row: int) -> bytes:
        if self._cells is None or not self._first <= row < self._end:
            self._batches = self._table.batches([self._column], ROWS_WITH_SOUND, row)
            self._end = self._table.group_end(row)
            self._next()
        while row >= self._first + len(self._cells):
            self._next()
        content = self._cells[row - self._first].as_py()
        if content is None:
            raise ValueError("the cell is empty")
        return content

    def _next(self) -> None:
        first_and_batch = next(self._batches, None)
        if first_and_batch is None:
            raise ValueError("it has fewer rows than before")
        self._first, batch = first_and_batch
        self._cells = cells(batch, self._column, "bytes")


def cells(batch: "pyarrow.RecordBatch", column: str, field: str) -> "pyarrow.Array":
    """A field of a column of structs; of another column, the column itself."""
    import pyarrow.compute
    import pyarrow.types

    column_cells = batch.column(column)
    if not pyarrow.types.is_struct(column_cells.type):
        return column_cells
    return pyarrow.compute.struct_field(column_cells, field)  # not Array.field, which forgets that structs are empty
