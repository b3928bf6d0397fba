"""Random cyber observables of every type, for comparing identifiers with another implementation."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
_ALPHABET = "abcXYZ019 _-./\\'\"\u00e9e\u0301\u00df\u4e2d\u2028\u202e\ufeff\ufffd\uffff\U0001f512\U0010ffff\t\n\r\x01\x1f\x7f\x85"
_PLANES = ((0x01, 0x20), (0x20, 0x7F), (0x80, 0x800), (0x800, 0xD800), (0xE000, 0x10000), (0x10000, 0x110000))
_HASHES = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128, "SHA3-256": 64, "SHA3-512": 128}
PREFERRED = frozenset({"MD5", "SHA-1", "SHA-256", "SHA-512"})
_PROTOCOLS = [["tcp"], ["ipv4", "tcp", "modbus"], ["udp", "dns"], ["s7comm"], ["tcp", "http"]]


class Observables:
    """A seeded source of property dictionaries, without ``id``."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._makers: list[Callable[[], Json]] = [
            getattr(self, name) for name in sorted(dir(self)) if name.startswith("make_")
        ]

    def __iter__(self) -> Iterator[Json]:
        while True:
            made = self._random.choice(self._makers)()
            yield {name: value for name, value in made.items() if value is not None}

    def some(self, make: Callable[[], Any], chance: float = 0.6) -> Any:
        return make() if self._random.random() < chance else None

    def text(self) -> str:
        if self._random.random() < 0.2:
            low, high = self._random.choice(_PLANES)
            return "".join(chr(self._random.randrange(low, high)) for _ in range(self._random.randint(1, 6)))
        return "".join(self._random.choices(_ALPHABET, k=self._random.randint(1, 12)))

    def number(self) -> int:
        power = self._random.choice([8, 16, 31, 53, 54, 60, 63])
        near = [0, 1, 80, 65_535, 2**53 - 1, 2**53, 2**53 + 1, 2**60 + 7, -(2**55) - 3, 2**64 - 1]
        return self._random.choice([*near, self._random.getrandbits(power), -self._random.getrandbits(power)])

    def port(self) -> int:
        return self._random.randint(0, 65_535)

    def hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def hashes(self) -> Json:
        """Any algorithms in any order."""
        names = self._random.sample([*_HASHES, "SSDEEP", "TLSH"], self._random.randint(1, 4))
        others = {
            "SSDEEP": "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C",
            "TLSH": "6FF02BEF718027B0160B4391212923ED7F1A463D563B1549B86CF62973B197AD2731F8",
        }
        return {name: others.get(name) or self.hex(_HASHES[name]) for name in names}

    def time(self) -> str:
        digits = self._random.randint(0, 6)
        fraction = self._random.choice(
            ["0" * digits, f"{self._random.getrandbits(20):06}"[:digits], "1".ljust(digits, "0")]
        )
        day = f"{self._random.choice([1000, 1969, 1970, 2024, 9999])}-{self._random.randint(1, 12):02}-{self._random.randint(1, 28):02}"
        clock = ":".join(f"{self._random.randrange(part):02}" for part in (24, 60, 60))
        return f"{day}T{clock}{'.' if digits else ''}{fraction[:digits]}Z"

    def ref(self, type: str) -> str:
        digits = self.hex(32)
        return f"{type}--{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def make_ipv4(self) -> Json:
        return {
            "type": "ipv4-addr",
            "value": ".".join(str(self._random.randint(0, 255)) for _ in range(4)) + self._random.choice(["", "/24"]),
        }

    def make_ipv6(self) -> Json:
        return {"type": "ipv6-addr", "value": f"2001:db8::{self.hex(4)}"}

    def make_mac(self) -> Json:
        return {"type": "mac-addr", "value": ":".join(self.hex(2) for _ in range(6))}

    def make_domain(self) -> Json:
        return {
            "type": "domain-name",
            "value": f"{self.hex(5)}.b\u00fccher.example",
            "resolves_to_refs": self.some(lambda: [self.ref("ipv4-addr")]),
        }

    def make_email(self) -> Json:
        return {"type": "email-addr", "value": f"{self.hex(4)}@example.org", "display_name": self.some(self.text)}

    def make_url(self) -> Json:
        return {"type": "url", "value": f"https://example.org/{self.hex(4)}?a=\u00e9&b='\""}

    def make_mutex(self) -> Json:
        return {"type": "mutex", "name": self.text()}

    def make_system(self) -> Json:
        return {"type": "autonomous-system", "number": self.number(), "name": self.some(self.text)}

    def make_directory(self) -> Json:
        return {"type": "directory", "path": self.text(), "ctime": self.some(self.time)}

    def make_software(self) -> Json:
        return {
            "type": "software",
            "name": self.text(),
            "vendor": self.some(self.text),
            "version": self.some(self.text),
            "swid": self.some(self.text, 0.2),
            "cpe": self.some(lambda: "cpe:2.3:a:x:y:1:*:*:*:*:*:*:*", 0.3),
        }

    def make_account(self) -> Json:
        return {
            "type": "user-account",
            "user_id": self.some(self.text),
            "account_login": self.text(),
            "account_type": self.some(lambda: "unix"),
            "display_name": self.some(self.text),
        }

    def make_artifact(self) -> Json:
        if self._random.random() < 0.5:
            return {"type": "artifact", "url": f"https://example.org/{self.hex(4)}", "hashes": self.hashes()}
        return {"type": "artifact", "payload_bin": "QUJDRA==", "hashes": self.some(self.hashes)}

    def make_message(self) -> Json:
        return {
            "type": "email-message",
            "is_multipart": False,
            "sender_ref": self.some(lambda: self.ref("email-addr")),
            "from_ref": self.some(lambda: self.ref("email-addr")),
            "subject": self.text(),
            "body": self.some(self.text),
            "date": self.some(self.time),
        }

    def make_file(self) -> Json:
        return {
            "type": "file",
            "name": self.text(),
            "hashes": self.some(self.hashes),
            "size": self.some(self.port),
            "parent_directory_ref": self.some(lambda: self.ref("directory")),
            "extensions": self.some(self.file_extensions, 0.4),
        }

    def file_extensions(self) -> Json:
        makers: dict[str, Callable[[], Json]] = {
            "archive-ext": lambda: {"contains_refs": [self.ref("file"), self.ref("directory")], "comment": self.text()},
            "ntfs-ext": lambda: {
                "sid": self.text(),
                "alternate_data_streams": [{"name": self.text(), "size": self.port(), "hashes": self.hashes()}],
            },
            "pdf-ext": lambda: {
                "version": self.text(),
                "is_optimized": self._random.random() < 0.5,
                "document_info_dict": {"Title": self.text(), "n": self.number(), "e": self.entropy()},
            },
            "raster-image-ext": lambda: {
                "image_height": self.port(),
                "exif_tags": {"Make": self.text(), "X_1": self.number()},
            },
            "windows-pebinary-ext": lambda: {
                "pe_type": "exe",
                "time_date_stamp": self.time(),
                "pointer_to_symbol_table_hex": self.hex(8),
                "number_of_symbols": self.port(),
                "file_header_hashes": self.hashes(),
                "optional_header": {"image_base": self.port(), "hashes": self.hashes()},
                "sections": [{"name": self.text(), "entropy": self.entropy(), "size": self.port()}],
            },
            self.ref("extension-definition").replace("-5", "-4", 1): lambda: {
                "extension_type": "property-extension",
                "when_seen": self.time(),
                "measured": [self.entropy(), self.number(), True, self.text(), {"deep_er": [{"last": self.entropy()}]}],
            },
        }
        names = self._random.sample(list(makers), self._random.randint(1, 3))
        return {name: makers[name]() for name in names}

    def traffic_extensions(self) -> Json:
        makers: dict[str, Callable[[], Json]] = {
            "tcp-ext": lambda: {"src_flags_hex": self.hex(8)},
            "icmp-ext": lambda: {"icmp_type_hex": self.hex(2), "icmp_code_hex": self.hex(2)},
            "socket-ext": lambda: {
                "address_family": "AF_INET",
                "options": {"SO_RCVBUF": self.port()},
                "is_listening": True,
            },
            "http-request-ext": lambda: {
                "request_method": "get",
                "request_value": self.text(),
                "request_header": {"User-Agent": [self.text()], "Accept": [self.text(), self.text()]},
            },
        }
        names = self._random.sample(list(makers), self._random.randint(1, 2))
        return {name: makers[name]() for name in names}

    def entropy(self) -> float:
        near = [
            0.0,
            -0.0,
            1.0,
            7.5,
            0.061089,
            7.980693,
            1e-7,
            1e-6,
            123456789.25,
            5e-324,
            1e16,
            1e20,
            1e21,
            1.5e300,
            -2.5,
        ]
        return self._random.choice([*near, self._random.random() * 8, self._random.gauss(0, 1e12)])

    def make_traffic(self) -> Json:
        ended = self.some(lambda: f"9999-12-31T23:59:59.{self._random.randrange(1000):03}Z")
        return {
            "type": "network-traffic",
            "src_ref": self.ref("ipv4-addr"),
            "dst_ref": self.some(lambda: self.ref("ipv6-addr")),
            "src_port": self.some(self.port),
            "dst_port": self.some(self.port),
            "protocols": self._random.choice(_PROTOCOLS),
            "start": self.some(self.time),
            "end": ended,
            "is_active": False if ended else None,
            "extensions": self.some(self.traffic_extensions, 0.3),
        }

    def make_key(self) -> Json:
        return {
            "type": "windows-registry-key",
            "key": self.text(),
            "values": self.some(lambda: [{"name": self.text(), "data": self.text(), "data_type": "REG_SZ"}]),
        }

    def make_process(self) -> Json:
        return {
            "type": "process",
            "pid": self.port(),
            "command_line": self.some(self.text),
            "image_ref": self.some(lambda: self.ref("file")),
            "created_time": self.some(self.time),
        }

    def make_certificate(self) -> Json:
        return {
            "type": "x509-certificate",
            "serial_number": self.text(),
            "hashes": self.some(self.hashes),
            "issuer": self.some(self.text),
        }
