"""Reading XML of unknown origin with defusedxml: no entity is expanded, and no other file is opened."""

from xml.etree.ElementTree import Element, ParseError

import defusedxml
from defusedxml.ElementTree import DefusedXMLParser

from stages.corpus.rows.utterance import Refused


def parse(data: bytes, format: str, *, doctype: bool = False) -> Element:
    """The root of a document, in the encoding that it declares.

    Parameters
    ----------
    format : of the annotation, for the reason of a refusal
    doctype : accept a DOCTYPE that only names a DTD (which is never fetched): Transcriber writes one into every file

    Raises
    ------
    Refused
        unsafe-xml where there are entities or a DTD, broken-<format> where it is no XML.
    """
    parser = DefusedXMLParser(forbid_dtd=not doctype)
    if doctype:
        parser.parser.StartDoctypeDeclHandler = _only_named
    try:
        parser.feed(data)
        return parser.close()
    except defusedxml.DefusedXmlException as error:
        raise Refused("unsafe-xml", f"it has a DTD or entities, which are not read ({type(error).__name__})") from None
    except (ParseError, ValueError, LookupError) as error:  # the last two from encodings
        raise Refused(f"broken-{format}", f"it is no well-formed XML: {error}") from None


def _only_named(name: str, system: str | None, public: str | None, has_internal_subset: int) -> None:
    if has_internal_subset:
        raise defusedxml.DTDForbidden(name, system, public)
