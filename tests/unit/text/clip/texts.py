"""Texts of every kind, as bytes, for comparing tokenizers: a function of the seed."""
import html.entities
import random

WORDS = """a the photo of cat dog sitting on wooden table two people walking down street with umbrella red bus parked near
old building sunset over mountains don't it's we're I've I'm they'll he'd 'tis rock'n'roll O'Neil's vintage poster
macro close-up b&w T-shirt 3D 4K café naïve coöperate""".split()
SENTENCES = ["Crème brûlée à la carte, déjà vu — c’est l’été", "Ärger über große Öfen & süße Äpfel", "El niño comió piñas… ¿qué?",
             "Привет, мир! Фото кошки на столе", "Φωτογραφία μιας γάτας", "猫の写真です。東京タワー", "一只猫坐在桌子上", "한국어 고양이 사진",
             "صورة قطة على الطاولة", "תמונה של חתול", "รูปแมวบนโต๊ะ", "मेज पर बिल्ली", "Zażółć gęślą jaźń „cytat”", "Příliš žluťoučký kůň",
             "İstanbul’da güneş ışığı", "Ελλάδα – ΟΔΥΣΣΕΥΣ ΣΑΣ", "50 € – £20 ± 5°C ½ ™ ® © • “quotes” ‘single’ «guillemets»",
             "Naïve façade, 20 °C, señor – “ok”…", "Tiếng Việt có dấu", "Ľúbim ťa, škôlka", "Þórr og Óðinn", "🐱 on a 🛋️ 👨‍👩‍👧‍👦 🇫🇷 👍🏽",
             "✔ done ✨ — it’s “fine”", "Mötley Crüe × 2² µm", "ŠŽ šž Ÿ œuvre Œdipe", "ĀČĒĢĪĶĻŅŠŪŽ āčēģīķļņšūž", "Ω ≈ ∂x ÷ √2 ≤ ∞"]
ENCODINGS = ["latin-1", "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "iso-8859-2", "mac-roman", "cp437",
             "sloppy-windows-1252", "sloppy-windows-1251", "sloppy-windows-1250", "sloppy-windows-1253", "sloppy-windows-1254"]
SCRIPTS = [(0x20, 0x7F), (0xA0, 0x180), (0x180, 0x250), (0x250, 0x370), (0x370, 0x400), (0x400, 0x530), (0x530, 0x590),
           (0x590, 0x600), (0x600, 0x700), (0x900, 0xA00), (0xE00, 0xF00), (0x10A0, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2100),
           (0x2100, 0x2400), (0x2500, 0x2600), (0x3000, 0x3100), (0x4E00, 0x5000), (0xAC00, 0xAD00), (0xFB00, 0xFB50),
           (0xFF00, 0xFFF0), (0x10400, 0x10450), (0x1D400, 0x1D800), (0x1F300, 0x1FA00), (0x31350, 0x31360), (0xE0000, 0xE0080)]
CONTROLS = [chr(c) for c in [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x200B, 0x200D, 0x2028, 0x2029, 0x202E, 0x206A, 0xFEFF, 0xFFF9,
                             0xFFFC, 0xFFFD, 0xE0001]]
SPACES = [chr(c) for c in [9, 10, 11, 12, 13, 28, 31, 32, 0x85, 0xA0, 0x1680, 0x180E, 0x2000, 0x200A, 0x2028, 0x202F, 0x205F, 0x3000]]
ODD = list("İıßẞΣςσſKÅŉĳǅǆﬁﬂﬅﬆＡｂ１！　ﾊﾟｶﾞ￥ʼ‘’‚‛“”„‟ÂÃâà×Øœ€™°²³¹ΒΓ") + ["a\u0301", "e\u0300\u0323", "\u1100\u1161\u11a8", "ΑΣ.", "Σ", "ΑΣ\u0301", "'ſ", "'S"]
MARKS = ["<start_of_text>", "<end_of_text>", "<START_of_text>", "<|endoftext|>", "</w>", "<", ">", "<b>", "&amp;"]
NAMES = sorted(html.entities.html5)


def encode(text):
    return text.encode("utf-8", "replace")


def words(rng):
    out = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 14)))
    return rng.choice([str, str.upper, str.title])(out) + rng.choice(["", ".", "!?", " - 2019", ", etc."])


def script(rng):
    first, last = rng.choice(SCRIPTS)
    return "".join(rng.choice([" ", ""]) if rng.random() < 0.2 else chr(rng.randrange(first, last)) for _ in range(rng.randint(1, 20)))


def points(rng):
    out = []
    while len(out) < rng.randint(1, 12):
        point = rng.randrange(rng.choice([0x100, 0x800, 0x3000, 0x10000, 0x20000, 0x110000]))
        if not 0xD800 <= point < 0xE000:
            out.append(chr(point))
    return "".join(out)


def entity(rng):
    kind = rng.randrange(7)
    if kind == 0:
        return f"&#{rng.choice([rng.randrange(300), rng.randrange(0x11FFFF), 10**rng.randint(1, 30), 0xD800, 128, 59, 38])}" + rng.choice(["", ";"])
    if kind == 1:
        return f"&#{rng.choice('xX')}{rng.randrange(0x3000):{rng.choice('xX')}}" + rng.choice(["", ";"])
    name = rng.choice(NAMES)
    if kind == 2:
        name = name.upper()
    if kind == 3:
        name = name.rstrip(";") + rng.choice(["", "x", "1", " ", "=", ";;", "é"])
    if kind == 4:
        name = name[: rng.randint(0, len(name))]
    if kind == 5:
        name = "amp;" + name
    return "&" + name


def entities(rng):
    return "".join(rng.choice([entity(rng), entity(rng), rng.choice(WORDS), " "]) for _ in range(rng.randint(1, 6)))


def controls(rng):
    parts = [rng.choice(CONTROLS), rng.choice(CONTROLS), rng.choice(WORDS), "\r\n", f"\x1b[{rng.randrange(50)};1m", "\x1b[", "\x1b[٣m"]
    return "".join(rng.choice(parts) for _ in range(rng.randint(1, 10)))


def long_word(rng):
    alphabet = rng.choice(["abcdefghijklmnopqrstuvwxyz", "aeiou", "ab", "日本語中文字", "!?#", "éèü", "👍😀"])
    return "".join(rng.choice(alphabet) for _ in range(rng.choice([30, 100, 400])))


def numbers(rng):
    return rng.choice([str(rng.random()), str(rng.randrange(10**12)), "½²③Ⅷ٣४", f"{rng.randrange(10**6):,}", "3.14e-10", "00:00:00"])


def garble(rng, text):
    """The text in UTF-8, read in another encoding; sometimes with losses."""
    data = text.encode()
    if rng.random() < 0.2:
        data = data.replace(b"\xa0", b" ")
    return data.decode(rng.choice(ENCODINGS), rng.choice(["replace", "ignore", "replace"]))


def mojibake(rng):
    text = garble(rng, rng.choice(SENTENCES)[rng.randrange(4) :])
    if rng.random() < 0.25:
        text = garble(rng, text)
    if rng.random() < 0.2:
        text = text.replace("\ufffd", "?").replace("\xa0", " ")
    if rng.random() < 0.3:
        text = rng.choice([rng.choice(SENTENCES) + " " + text, text + rng.choice(SENTENCES), words(rng) + " " + text])
    return text


def bad_pairs(rng):
    pool = "ÂÃâàáãÅÆÐÑØÙÎÏ€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ¡¢£¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿×÷ßВГРСвЂÀ\x80\x9d\xa0\xad√≈∂╔│┌▀ΒΓΞΟβΆā aZz?. "
    return "".join(rng.choice(pool) for _ in range(rng.randint(1, 8)))


def odd(rng):
    return "".join(rng.choice([rng.choice(ODD), rng.choice(ODD), rng.choice("aZ .'"), rng.choice(WORDS)]) for _ in range(rng.randint(1, 8)))


def spaces(rng):
    return "".join(rng.choice([rng.choice(SPACES), rng.choice(WORDS)]) for _ in range(rng.randint(1, 10)))


def marks(rng):
    return rng.choice(["", " "]).join(rng.choice([rng.choice(MARKS), rng.choice(WORDS), entity(rng)]) for _ in range(rng.randint(1, 5)))


def lines(rng):
    return rng.choice(["\n", "\r\n", "\r"]).join(rng.choice(TEXTS)(rng) for _ in range(rng.randint(1, 4)))


def mix(rng):
    return rng.choice(["", " "]).join(rng.choice(TEXTS)(rng) for _ in range(rng.randint(2, 5)))


TEXTS = [words, script, points, entities, controls, long_word, numbers, mojibake, mojibake, bad_pairs, odd, spaces, marks]


def random_bytes(rng):
    """What is not UTF-8, or nearly."""
    text = bytearray(encode(rng.choice(TEXTS)(rng)))
    for _ in range(rng.randint(1, 4)):
        text.insert(rng.randint(0, len(text)), rng.randrange(256))
    return bytes(text)


def make(seed, count):
    """[(kind, bytes)]"""
    rng = random.Random(seed)
    kinds = TEXTS + [lines, mix, random_bytes]
    out = [("empty", b"")]
    while len(out) < count:
        kind = rng.choice(kinds)
        text = kind(rng)
        out.append((kind.__name__, text if isinstance(text, bytes) else encode(text)))
    return out
