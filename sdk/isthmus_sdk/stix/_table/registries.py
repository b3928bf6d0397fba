"""Registries that the standard refers to: primary languages of RFC 5646, character sets of IANA.

Three-letter languages are one bit each (26 x 26 x 26, from ``aaa``), because there are eight thousand of them.
Sources: IANA Language Subtag Registry; IANA Character Sets, the preferred MIME name or else the name (section 3.9.1).
"""

from __future__ import annotations

import base64
import zlib
from functools import lru_cache
from typing import Final

_TWO_LETTERS = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee "
    "el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik in io "
    "is it iu iw ja ji jv jw ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk "
    "ml mn mo mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc "
    "sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve "
    "vi vo wa wo xh yi yo za zh zu"
)
_THREE_LETTERS = (
    "eNqlVX9wFFcd/+7e7uXIRPIuXI50RLJJj4IW9JjqBLRwm5BfINhLm3A49jiKVMSWpq21aTmP3XAJoo4aUxE6Lb3+hE4dB6Y/7GhDNrRg7AiT4JCE"
    "moSlxJoihr0jOY702H1+3x6h/O+b2ffe9/u+v973fb7fpaZpGVQbzlLrs0zp3aHmfT++Ril9VHNQ2ie2P36RmgrSLTQ3xi7itK4rf0c3rhbNMJ5+"
    "51QqGR5PePIkfSIR+LDsmnY5J63Yk4lTRslxxjU2G2yydzqlkzSr2MZoljKDTFzRcxxc9Ky9s21o5sAfFZk+f2zVYteCSghWg/oevZJ4u6pm8Lmv"
    "78lEx+eGmmKz51Uok0aChpc96ALSZftRKlb29uqUa4UjogoSgEMG6CzrpzF6ztooAL/lV7cd06PlAKBvP3fHJx9NWtTsS3gqC3bDaUj2bo0MPrvx"
    "3QnDATyK9LT8M9S5nfvqYHSKKgoyuIL1DoAjnoUN3nzgAIh7NcAmgif4VQtAVLEEQAR1kQAQHFhCtnzDd196QLtwygEqYCg4hLnLudHQs2X7D7mA"
    "k3cxDn48J0M1mrb+sNx2LdiyEsj2IXMQf1201SXhoEsAV2sQwLV0t21TBkfaQVxM9Py33pqDrtxwy7CTqvfFX+6h+kKj9BMHkd48cbBmwXMOfVp3"
    "nKnv4Ga3jj3TOLxsUqHbpzGJAkZWVnR3xCxsv6daBgGfavDTL05VvPIFDCn6NJ/XBkmqWFAitKJ5lfxuHmc7Iijrett6rQCj+q1PeBg2JfHNr5aI"
    "Cf0Rhx2TLL7zp12YHKHhAjUD4iyXaF8As1fA1pf4h8frPXuknjo1D8mTQdnXXtcmSwQkPrjHDR/993Kw4kvubbO/e+kuF0iizFIfrP796sHwoXjd"
    "viwacrFE1wDHY3JVqHVdu5RZfvyAFx0InCSNvswiLcJMCyR5YO8cQQWu3ysDSXZsXvsPnlsDtZhbHqQeUJ1oC0fyrFHM486+IuFYrECHxswZ4Ft0"
    "ZugM2MMmvZWHqdPpyAxhZWc21LyxMz4XjZqjOu3aLy6meUk0je4/iJU6//14kv5UqS73J6LzTRq6QgP0yvy9WD91Kl5SkpsSv9CnH3H/rKF/krbI"
    "DvH0hvsREETAs3w1+q5pWZ87Um76Qn1dyTEMetQuSWSYjM9qPXsjLqxPzcjcDH/GwnW7WSS6kaNkFH6XwJhDBtO98MI4zuvNUzecmjRWeKjBeXxf"
    "f/jwQaS+H/4e8gOSB0IN7z+YXncB/Va1nxChHJ7YRlxiJXBOG0wNm0QBc+50S1DCdabMrQ859zpDE9l1B6JxYbMMxVUo1BifjpBff1irZ+YsZeUO"
    "HbZuPsHXh6RuarHuPqpVedoeOELDOzAnq5d4FtKJlGYEsKx6z8+//h41sxkTr3g9PVE3pRCOO67QzOh0RNxtpFuOrkBrqx6rYrXLrbrN54L/exhH"
    "x0OX54RnHZPLPpvLqTbELKrB7Sx+tO9/Z4xBzO3zIoj98Ve4IHBxdz0Twy5Z9AZRzt4LqmTXvYfnV8ikijwQeX4pa0/38xIDahWHi8ZaKw3o5/qO"
    "0sP4cN+WSco02E2zOm1ORVMKPubljKHRYYSouVML0ebWJxMjGYbMrEUjoYgRCZZstmiiOFFcGPtr7KXOdGZnDtSj+F2N0IC8n6djdPKqpSN6+lcW"
    "R7tot40g9h+w9MyQaXxN1U4wnYStqOlKbWkLvTYc7ot5//yf6IvzJfDzgq8em5d8ximwzieAf5YzaFefDwkysmFoXWHjPSnvloE1+TKPb8GORuil"
    "0g31lb4XUbxILrfrEnJlqhKiNT+Tq1jWxtUluU0+I3a/j60BOFrCQ1GSPh2ABTdO7EZKHPBlO4cQn7F2ax/t29ntRkedXO2p1EY89XuEJsIJVwM7"
    "RAGOqFLTT/bF9MdOPjWwKh3a6slpL84MlzZuiv9QJL9c9hdk+cGH/Yc4lvJIJNN0aKjr0cGndhQHxVfbLlaiwkPL731C/tTf8aNOxCiWkNJ+3xTW"
    "1pXR3rXpquuUloLas/6kN5GtiGHtvnqYqy7hwt9Z4wou8p9XieRjgTZbnHPPV2QvxxXfuZL9qTq21fA897Gm4Q+MjBw63fhCtW7+5gdvNUlnPjjr"
    "X8FwuHbKfaKtOQjlQUUbzgOJtL1ZQ5wYaxHvxoZvKiLv/TkwkJICB7tZ3M8vaoO7em73IfH3f32z9m+NKUQaOm0L5mGghRzIZBnHzSuSP37S63KQ"
    "mxkt9+XLzOX/AIOazr0="
)
_WHOLE_TAGS = (
    "art-lojban cel-gaulish en-gb-oed i-ami i-bnn i-default i-enochian i-hak i-klingon i-lux i-mingo i-navajo "
    "i-pwn i-tao i-tay i-tsu no-bok no-nyn sgn-be-fr sgn-be-nl sgn-ch-de zh-guoyu zh-hakka zh-min zh-min-nan "
    "zh-xiang"
)
GRANDFATHERED: Final = frozenset(_WHOLE_TAGS.split())
"""Whole tags of RFC 5646 that its grammar alone would not explain, in lower case."""

LANGUAGES: Final = frozenset(_TWO_LETTERS.split())
"""Primary languages of two letters."""

_CHARSET_NAMES = (
    "US-ASCII ISO-8859-1 ISO-8859-2 ISO-8859-3 ISO-8859-4 ISO-8859-5 ISO-8859-6 ISO-8859-7 ISO-8859-8 "
    "ISO-8859-9 ISO-8859-10 ISO_6937-2-add JIS_X0201 JIS_Encoding Shift_JIS EUC-JP "
    "Extended_UNIX_Code_Fixed_Width_for_Japanese BS_4730 SEN_850200_C IT ES DIN_66003 NS_4551-1 NF_Z_62-010 "
    "ISO-10646-UTF-1 ISO_646.basic:1983 INVARIANT ISO_646.irv:1983 NATS-SEFI NATS-SEFI-ADD NATS-DANO "
    "NATS-DANO-ADD SEN_850200_B KS_C_5601-1987 ISO-2022-KR EUC-KR ISO-2022-JP ISO-2022-JP-2 JIS_C6220-1969-jp "
    "JIS_C6220-1969-ro PT greek7-old latin-greek NF_Z_62-010_(1973) Latin-greek-1 ISO_5427 JIS_C6226-1978 "
    "BS_viewdata INIS INIS-8 INIS-cyrillic ISO_5427:1981 ISO_5428:1980 GB_1988-80 GB_2312-80 NS_4551-2 "
    "videotex-suppl PT2 ES2 MSZ_7795.3 JIS_C6226-1983 greek7 ASMO_449 iso-ir-90 JIS_C6229-1984-a "
    "JIS_C6229-1984-b JIS_C6229-1984-b-add JIS_C6229-1984-hand JIS_C6229-1984-hand-add JIS_C6229-1984-kana "
    "ISO_2033-1983 ANSI_X3.110-1983 T.61-7bit T.61-8bit ECMA-cyrillic CSA_Z243.4-1985-1 CSA_Z243.4-1985-2 "
    "CSA_Z243.4-1985-gr ISO-8859-6-E ISO-8859-6-I T.101-G2 ISO-8859-8-E ISO-8859-8-I CSN_369103 JUS_I.B1.002 "
    "IEC_P27-1 JUS_I.B1.003-serb JUS_I.B1.003-mac greek-ccitt NC_NC00-10:81 ISO_6937-2-25 GOST_19768-74 "
    "ISO_8859-supp ISO_10367-box latin-lap JIS_X0212-1990 DS_2089 us-dk dk-us KSC5636 UNICODE-1-1-UTF-7 "
    "ISO-2022-CN ISO-2022-CN-EXT UTF-8 ISO-8859-13 ISO-8859-14 ISO-8859-15 ISO-8859-16 GBK GB18030 "
    "OSD_EBCDIC_DF04_15 OSD_EBCDIC_DF03_IRV OSD_EBCDIC_DF04_1 ISO-11548-1 KZ-1048 ISO-10646-UCS-2 "
    "ISO-10646-UCS-4 ISO-10646-UCS-Basic ISO-10646-Unicode-Latin1 ISO-10646-J-1 ISO-Unicode-IBM-1261 "
    "ISO-Unicode-IBM-1268 ISO-Unicode-IBM-1276 ISO-Unicode-IBM-1264 ISO-Unicode-IBM-1265 UNICODE-1-1 SCSU "
    "UTF-7 UTF-16BE UTF-16LE UTF-16 CESU-8 UTF-32 UTF-32BE UTF-32LE BOCU-1 UTF-7-IMAP "
    "ISO-8859-1-Windows-3.0-Latin-1 ISO-8859-1-Windows-3.1-Latin-1 ISO-8859-2-Windows-Latin-2 "
    "ISO-8859-9-Windows-Latin-5 hp-roman8 Adobe-Standard-Encoding Ventura-US Ventura-International DEC-MCS "
    "IBM850 PC8-Danish-Norwegian IBM862 PC8-Turkish IBM-Symbols IBM-Thai HP-Legal HP-Pi-font HP-Math8 "
    "Adobe-Symbol-Encoding HP-DeskTop Ventura-Math Microsoft-Publishing Windows-31J GB2312 Big5 macintosh "
    "IBM037 IBM038 IBM273 IBM274 IBM275 IBM277 IBM278 IBM280 IBM281 IBM284 IBM285 IBM290 IBM297 IBM420 IBM423 "
    "IBM424 IBM437 IBM500 IBM851 IBM852 IBM855 IBM857 IBM860 IBM861 IBM863 IBM864 IBM865 IBM868 IBM869 IBM870 "
    "IBM871 IBM880 IBM891 IBM903 IBM904 IBM905 IBM918 IBM1026 EBCDIC-AT-DE EBCDIC-AT-DE-A EBCDIC-CA-FR "
    "EBCDIC-DK-NO EBCDIC-DK-NO-A EBCDIC-FI-SE EBCDIC-FI-SE-A EBCDIC-FR EBCDIC-IT EBCDIC-PT EBCDIC-ES "
    "EBCDIC-ES-A EBCDIC-ES-S EBCDIC-UK EBCDIC-US UNKNOWN-8BIT MNEMONIC MNEM VISCII VIQR KOI8-R HZ-GB-2312 "
    "IBM866 IBM775 KOI8-U IBM00858 IBM00924 IBM01140 IBM01141 IBM01142 IBM01143 IBM01144 IBM01145 IBM01146 "
    "IBM01147 IBM01148 IBM01149 Big5-HKSCS IBM1047 PTCP154 Amiga-1251 KOI7-switched BRF TSCII CP51932 "
    "windows-874 windows-1250 windows-1251 windows-1252 windows-1253 windows-1254 windows-1255 windows-1256 "
    "windows-1257 windows-1258 TIS-620 CP50220"
)
CHARSETS: Final = frozenset(_CHARSET_NAMES.split())
"""Names that an ``_enc`` property may have, written as the registry writes them."""


@lru_cache(maxsize=1)
def _three_letters() -> bytes:
    return zlib.decompress(base64.b64decode(_THREE_LETTERS))


def is_registered_language(subtag: str) -> bool:
    """Whether a primary language subtag (lower case) is in the registry or for private use (``qaa`` to ``qtz``)."""
    if len(subtag) == 2:
        return subtag in LANGUAGES
    if len(subtag) != 3 or not (subtag.isascii() and subtag.isalpha() and subtag.islower()):
        return False
    if "qaa" <= subtag <= "qtz":
        return True
    a, b, c = (ord(letter) - ord("a") for letter in subtag)
    at = a * 676 + b * 26 + c
    return bool(_three_letters()[at // 8] >> at % 8 & 1)
