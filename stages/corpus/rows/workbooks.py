"""The sheets of .xlsx workbooks, as rows of text. Formulas are never computed: their stored results are read."""

import datetime
import re
import zipfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import openpyxl
from openpyxl.cell import Cell

from stages.corpus.rows.columns import clock_time
from stages.corpus.rows.utterance import Refused, SplitContents
from stages.corpus.rows.whole_files import read_bytes

WORKBOOK_SUFFIX = ".xlsx"
LARGEST = 2**30  # bytes of a workbook when unpacked; more is a fault, or meant to fill the memory
MERGED = re.compile(rb"mergeCell\s+ref=")


def sheets(path: Path, place: str, reading: SplitContents) -> Iterator[tuple[str, Iterator[tuple]]]:
    """(place, rows) of each visible sheet; a row is (its number, its cells as text, or Refused).

    Raises
    ------
    Refused
        broken-workbook: the file cannot be opened
    """
    read_bytes(path, place)  # reports a file of Git LFS, or one that cannot be opened
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > LARGEST:
                raise Refused("broken-workbook", f"it unpacks to {size} bytes, more than {LARGEST}")
            if _has_merged_cells(archive):
                reading.warn("merged cells, of which only the first holds the text: fill in every row", place)
        results = openpyxl.load_workbook(path, read_only=True, data_only=True)
        formulas = openpyxl.load_workbook(path, read_only=True)
    except Refused:
        raise
    except Exception as error:  # openpyxl raises some twenty types on damaged files
        detail = f"it is no .xlsx workbook that can be read ({error}); save it again, or as .csv"
        raise Refused("broken-workbook", detail) from None
    several = len(results.worksheets) > 1
    for sheet, sheet_of_formulas in zip(results.worksheets, formulas.worksheets, strict=True):
        sheet_place = f"{place} ({sheet.title})" if several else place
        if sheet.sheet_state != "visible":
            reading.warn("a hidden sheet, passed over", f"{place} ({sheet.title})")
        else:
            yield sheet_place, _rows(sheet, sheet_of_formulas)


def _has_merged_cells(archive: zipfile.ZipFile) -> bool:
    names = [name for name in archive.namelist() if name.startswith("xl/worksheets/") and name.endswith(".xml")]
    return any(MERGED.search(archive.read(name)) for name in names)


def _rows(sheet, sheet_of_formulas) -> Iterator[tuple[int, list[str] | Refused]]:
    for each in (sheet, sheet_of_formulas):
        each.reset_dimensions()  # some programs state a wrong size
    pairs = zip_longest(sheet.iter_rows(), sheet_of_formulas.iter_rows(), fillvalue=())
    number = 0
    try:
        for number, (cells, formulas) in enumerate(pairs, start=1):
            yield number, _texts(cells, formulas)
    except Exception as error:  # as above
        yield number + 1, Refused("broken-workbook", f"the rest of the sheet cannot be read: {error}")


def _texts(cells: tuple[Cell, ...], formulas: tuple[Cell, ...]) -> list[str] | Refused:
    """The texts of a row's cells. Refused where a cell holds an error, or a formula whose result is not stored."""
    texts = []
    for cell, formula in zip_longest(cells, formulas):
        value = None if cell is None else cell.value
        if value is None and formula is not None and formula.data_type == "f":
            detail = f"cell {formula.coordinate} holds a formula without a stored result; replace it by its value"
            return Refused("broken-row", detail)
        if value is not None and cell.data_type == "e":
            return Refused("broken-row", f"cell {cell.coordinate} holds the error {value}")
        texts.append("" if value is None else text_of(value, cell.number_format))
    return texts


def text_of(value: object, number_format: str) -> str:
    """What a cell shows, as text: 3 and not 3.0, 2014-02-28, TRUE, 0:01:02.5.

    Parameters
    ----------
    number_format : of the cell: a time that is shown as 1:02 is one of minutes and seconds for the one who typed it,
        though the program has stored hours and minutes
    """
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime.datetime):
        is_date = value.time() == datetime.time()
        return value.date().isoformat() if is_date else value.isoformat(sep=" ")
    if isinstance(value, datetime.time):
        if "s" not in number_format.lower() and not value.second and not value.microsecond:
            return f"{value.hour}:{value.minute:02}"
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return clock_time(value)
    return str(value).replace("\xa0", " ")
