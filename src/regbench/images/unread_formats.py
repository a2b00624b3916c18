"""Pictures in formats that are not read: their names and a way out, by their first bytes."""

_SAVE = "save it as JPEG or PNG"
_HEIC = "HEIC; uv sync --extra heic reads it"
_AVIF = f"AVIF, which this Pillow does not read; {_SAVE}"
_RAW = f"a camera's raw format; {_SAVE}"

# Signatures by their place in the file.
_SIGNATURES = (
    (0, b"8BPS", f"PSD; {_SAVE}"),
    (0, b"\xff\x0a", f"JPEG XL; {_SAVE}"),
    (4, b"JXL \r\n\x87\n", f"JPEG XL; {_SAVE}"),
    (4, b"jP  \r\n\x87\n", f"JPEG 2000; {_SAVE}"),
    (0, b"\xff\x4f\xff\x51", f"JPEG 2000; {_SAVE}"),
    (0, b"gimp xcf", f"XCF; {_SAVE}"),
    (0, b"v/1\x01", f"OpenEXR; {_SAVE}"),
    (0, b"#?RADIANCE", f"Radiance HDR; {_SAVE}"),
    (0, b"%PDF", f"PDF; {_SAVE}"),
    (0, b"<svg", f"SVG; {_SAVE}"),
    (0, b"<?xml", f"SVG or other XML; {_SAVE}"),
    (128, b"DICM", f"DICOM; {_SAVE}"),
    (0, b"FUJIFILMCCD-RAW", f"RAF, {_RAW}"),
    (0, b"IIRO", f"ORF, {_RAW}"),
    (0, b"IIU\0", f"RW2, {_RAW}"),
    (4, b"ftypcrx ", f"CR3, {_RAW}"),
    # ISO/IEC 23008-12: the brands of HEIF files whose pictures are coded by HEVC
    *((4, b"ftyp" + brand, _HEIC) for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc")),
    *((4, b"ftyp" + brand, _HEIC) for brand in (b"mif1", b"msf1")),
    *((4, b"ftyp" + brand, _AVIF) for brand in (b"avif", b"avis")),
)


def unread_format_reason(data: bytes) -> str | None:
    """Return why a picture in a known format cannot be read; None if it is in none.

    Args:
        data: The content of the file, or its first 200 bytes.
    """
    for at, signature, reason in _SIGNATURES:
        if data[at : at + len(signature)] == signature:
            return f"unreadable: {reason}"
    return None
