"""Texts that tokenizers get wrong, for make_golden_tokenizer.py. Invisible characters are escaped."""

# Ranges of code points that random texts are drawn from. None holds a surrogate.
RANDOM_POOLS = [
    (0x20, 0x7E),  # ASCII
    (0x61, 0x7A),
    (0x00, 0x20),  # controls and white space
    (0x7F, 0xBF),
    (0xC0, 0x17F),  # accented Latin
    (0x1CD, 0x233),
    (0x300, 0x362),  # marks of many combining classes
    (0x340, 0x345),
    (0x370, 0x3FF),  # Greek
    (0x400, 0x4FF),  # Cyrillic
    (0x531, 0x589),  # Armenian
    (0x591, 0x5F4),  # Hebrew
    (0x600, 0x6FF),  # Arabic
    (0x8C8, 0x8FF),  # marks, some newer than Unicode 9
    (0x900, 0x97F),  # Devanagari
    (0xE00, 0xE7F),  # Thai
    (0xF40, 0xFBC),  # Tibetan: marks of several classes, composites of marks
    (0x10A0, 0x10FF),  # Georgian
    (0x1100, 0x11FF),  # jamo
    (0x1B34, 0x1BAD),  # marks that are not nonspacing
    (0x1D00, 0x1DFF),
    (0x1E00, 0x1EFF),  # Latin with two marks
    (0x1F00, 0x1FFE),  # Greek with three marks
    (0x2000, 0x206F),  # punctuation, spaces, zero-width
    (0x20A0, 0x2150),
    (0x2C00, 0x2DFF),
    (0x3000, 0x30FF),  # CJK punctuation, kana with voiced marks
    (0x3400, 0x3410),
    (0x9FF0, 0xA010),  # end of the CJK block
    (0xA640, 0xA7FF),
    (0xA8C0, 0xA9C5),
    (0xAC00, 0xAC80),  # Hangul syllables
    (0xE000, 0xE010),  # private use
    (0xF8F0, 0xFB1F),  # compatibility ideographs and ligatures
    (0xFB20, 0xFDFF),
    (0xFE00, 0xFE6F),  # variation selectors, half marks, small forms
    (0xFEF0, 0xFFFF),  # BOM, full-width forms, U+FFFD, noncharacters
    (0x10400, 0x1044F),  # Deseret
    (0x110B0, 0x110CF),  # Kaithi
    (0x11930, 0x11946),
    (0x1D150, 0x1D1AF),  # musical marks and composites
    (0x1D400, 0x1D44F),
    (0x1E000, 0x1E02A),
    (0x1E900, 0x1E95F),  # Adlam
    (0x1F1E6, 0x1F64F),  # flags and emoji
    (0x2A6D0, 0x2A710),
    (0x2B810, 0x2B930),  # ideographs that are not set apart
    (0x2F800, 0x2FA1F),
    (0xE0000, 0xE01F0),  # tags, variation selectors
    (0x10FFF0, 0x10FFFF),
]

PLAIN = [
    "",
    " ",
    "     ",
    "a",
    "A",
    "Hello, world!",
    "The quick brown fox jumps over the lazy dog.",
    "Super Bowl 50 was an American football game to determine the champion of the NFL.",
    "Who was the head coach of the Denver Broncos in 2015?",
    "UNAFFABLE unaffable Unaffable unaffableness",
    "tokenization tokenizer tokenizers untokenized",
    "don't can't won't it's O'Neill rock'n'roll",
    "e.g. i.e. U.S.A. Ph.D. 3.14159 1,000,000 10-12 -5 +7",
    "$5.00 100% #hashtag @user a&b a*b (c) [d] {e} <f> |g| ~h~ ^i^ `j` \\k\\ /l/ _m_ =n=",
    "foo_bar fooBar foo-bar foo--bar foo...bar",
    "https://example.org/path?query=1&other=%20#fragment",
    "user.name+tag@example.co.uk",
    "C++ C# F# .NET x86_64 i18n l10n",
    "!!!???...,,,;;;:::",
    "\"quoted\" 'single' ``tex''",
    "line one\nline two\r\nline three\rline four\ttabbed",
    " leading and trailing ",
    "\n\n\n",
    "\t\t a \t\t",
    "a" + " " * 50 + "b",
    "0123456789 0x1F 1e-5 1st 2nd 3rd",
    "ALL CAPS SHOUTING",
    "mIxEd CaSe",
]

SPECIAL_NAMES = [
    "[SEP]",
    "[CLS] question [SEP] passage [SEP]",
    "[PAD][PAD] [UNK] [MASK]",
    "[sep] [cls]",
    "##ing ##",
    "a##b ###",
    "<s> </s> <unk> <sep> <cls>",
    "[SEP",
    "[ SEP ]",
    "x[SEP]y[CLS]z",
]

CONTROLS = [
    "a\0b",
    "\0",
    "\0\0\0abc\0\0",
    "a\x01\x02\x03b \x7f c\x7f",
    "bell\x07 back\x08space vertical\x0btab form\x0cfeed",
    "\x1c\x1d\x1e\x1f a\x1cb",
    "next\x85line",
    "c1 \x80\x81\x9f controls\x9f",
    "soft\xadhyphen \xad \xadx x\xad",
    "\ufeffbyte order mark",
    "in\ufeffside \ufeff",
    "zero\u200bwidth\u200bspace",
    "zero\u200cwidth\u200dnon\u2060joiner",
    "\u200b",
    "\u200bword\u200b \u200b",
    "left\u200eto\u200fright \u202aembed\u202c \u2066isolate\u2069",
    "private \ue000use\uf8ff \U000f0000\U0010fffd",
    "replacement \ufffd a\ufffdb \ufffd\ufffd",
    "noncharacters \ufdd0 \uffff \U0001fffe a\uffffb",
    "interlinear \ufff9a\ufffab\ufffb object\ufffc",
    "mongolian\u180evowel separator",
    "arabic\u0600number\u06ddsign\u08e2s \u0890\u0891",
    "kaithi \U000110bd \U000110cd",
    "tags \U000e0041\U000e007f\U000e0001 x",
    "word joiner\u2060 invisible\u2061times\u2062plus\u2064",
    "\x00\u0301",
    "e\x00\u0301e",
    "a\u0301\u200d\u0316b",
]

SPACES = [
    "no\xa0break\xa0space",
    "\xa0",
    "en\u2002em\u2003thin\u2009hair\u200afigure\u2007",
    "ogham\u1680space ideographic\u3000space",
    "line\u2028separator paragraph\u2029separator",
    "narrow\u202fno-break math\u205fspace",
    "\u3000\u2028\xa0 \t\n",
    "en\u2000quad em\u2001quad",
    " \u3000a\u3000 ",
]

ACCENTS = [
    "caf\xe9 Caf\xc9 CAF\xc9",
    "cafe\u0301 e\u0301tude",
    "na\xefve r\xe9sum\xe9 \xfcber stra\xdfe STRA\xdfE \u1e9e",
    "\xc5ngstr\xf6m \u212bngstr\xf6m A\u030angstro\u0308m",
    "Beyonc\xe9's",
    "Vi\u1ec7t Nam ti\u1ebfng Vi\u1ec7t \u1ea6\u1ea8\u1eaa",
    "Vie\u0323\u0302t Vie\u0302\u0323t",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324a\u0348\u0332\u0322lgo\u0316\u0317\u0318\u0319",
    "\u0301",
    "\u0301\u0302\u0303",
    "\u0301abc",
    "abc\u0301 \u0301 def",
    "a \u0301b",
    "a\u0301 \u0302b\u0303,\u0304c",
    "\u0344 \u0340\u0341\u0343 a\u0344b",
    "q\u0307\u0323 q\u0323\u0307",
    "I\u0307stanbul \u0130stanbul \u0131rak DI\u015e",
    "\u0130\u0130\u0130",
    "\u01c4 \u01c5 \u01c6 \u01f1 \u1e9b\u0323",
    "\xb5 \u2126 \u212a \u017f",
    "\u1fd3 \u0390 \u1f88\u1f80 \u1ffc",
    "\u03a3\u03a3 \u03a3 \u039f\u03a3 \u03bf\u03b4\u03cc\u03c2",
    "\u037e \u0387 \u1fef a\u1fefb",
    "dz\u030c \u01c6\u0323",
    "\xf8 \xd8 \u0141 \u0142 \u0110 \u0111 \xc6 \xe6 \u0152 \u0153",
    "o\u031b\u0301 \u1edb",
    "x\u20d7 x\u20dd \u0488\u0489",
    "\u0958 \u0915\u093c",
    "s\u0323\u0307 \u1e69 s\u0307\u0323",
]

MARK_ORDER = [
    "a\u302e\u0316b",
    "a\u0316\u302e\u0301\u302fb",
    "\xe9\u0316\u302e x",
    "\u1b35\u1b44\u0301 \u1b44\u1baa",
    "\U0001d15e\U0001d165\U0001d16e \U0001d1bb",
    "\u08d4\u0316\u08e3 a\u08e1\u0323",
    "\U0001e000\u0316\U0001e001x",
    "\U0001e944\U0001e94ax",
    "\u0f71\u0f72\u0f74 \u0f73\u0f75\u0f81",
    "\u0f74\u0f71 \u0f76\u0f78",
    "\xc5\u0327\u302f\u0316",
    "\U00011938 \U00011935\U00011930",
    "\u1dfa\u0345\u1dfbq\u1dfb\u0316",
]

SCRIPTS = [
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0401\u043b\u043a\u0430 \u0438 \u0419\u043e\u0434",
    "\u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac \u03ba\u03b1\u03b9 \u1f08\u03b8\u1fc6\u03bd\u03b1\u03b9",
    "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u05e2\u05d5\u05dc\u05dd",
    "\u0627\u0644\u0633\u0644\u0627\u0645 \u0639\u0644\u064a\u0643\u0645 \u0645\u064f\u062d\u064e\u0645\u064e\u0651\u062f\u060c \u0622\u0623\u0624\u0625",
    "\u0641\u0627\u0631\u0633\u06cc \u0645\u06cc\u200c\u0631\u0648\u0645 \u06f1\u06f2\u06f3\u061f",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u0947\u0902 \u0932\u093f\u0916\u0928\u093e\u0964",
    "\u09ac\u09be\u0982\u09b2\u09be \u0995\u09cb\u09cc",
    "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd \u0bca\u0bcb",
    "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u0e01\u0e33\u0e25\u0e31\u0e07\u0e40\u0e14\u0e34\u0e19 \u0e4f",
    "\u0ea5\u0eb2\u0ea7 \u0eba",
    "\u0f56\u0f7c\u0f51\u0f0b\u0f66\u0f90\u0f51\u0f0b \u0f04",
    "\u1019\u103c\u1014\u103a\u1019\u102c\u104b",
    "\u10e5\u10d0\u10e0\u10d7\u10e3\u10da\u10d8 \u10a0\u1c90",
    "\u0540\u0561\u0575\u0565\u0580\u0565\u0576 \u0587 \u055c",
    "\u12a0\u121b\u122d\u129b \u1361",
    "\u1781\u17d2\u1798\u17c2\u179a \u17d4",
    "\u13a0\u13a1 \uab70 \u13f8",
    "\u1820\u1821 \u1800",
    "\u2c00\u2c30 \U0001e000",
    "\U00010400\U00010428 \U000104b0",
    "\U00012000\U00012001 \U00013000 \U00013430",
    "\u0d2e\u0d32\u0d2f\u0d3e\u0d33\u0d02 \u0d3b\u0d3c",
    "\u0c24\u0c46\u0c32\u0c41\u0c17\u0c41 \u0c3c",
    "\U0001e900\U0001e922 \U0001e95e",
    "\u1c89\u1c8a \ua7cb\ua7cc\ua7da\ua7dc \U00010d50\U00010d65 \U00016ea0\U00016eb8",
    "\u16a0\u16eb\u16a2 \u1681\u169b",
    "\u0710\u0711 \u0700",
    "\u0780\u07a6 \u07ca\u07eb\u07fd",
]

EAST_ASIAN = [
    "\u91ce\u53e3\u91cc\u4f73 Noguchi Rika",
    "\u4e2d\u6587abc\u4e2d\u6587",
    "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c",
    "\u30d0\u30d3 \u304c\u304e \u304b\u3099\u304d\u3099 \u309b\u309c",
    "\uff76\uff9e\uff8a\uff9f \u30fc\uff70",
    "\ud55c\uad6d\uc5b4 \uc704\ud0a4\ubc31\uacfc",
    "\u1112\u1161\u11ab\u1100\u116e\u11a8",
    "\u1112\uac00\u11a8\uac01",
    "\ud55c\u0301\uae00 \ud55c\u302e",
    "\u3131\u314f \ud7b0\ud7cb",
    "\uff21\uff22\uff23\uff41\uff42\uff43\uff10\uff11\uff01\uff1f",
    "\u3001\u3002\u300c\u300d\u30fb\u3003",
    "\uf900\ufa10\ufa11 \U0002f800\U0002fa1d",
    "\U00020000\U0002a6df\U0002a6e0 \U0002a700 \U0002b740 \U0002b820a\U0002b91fb \U0002b920 \U0002ceb0",
    "\u3400\u4dbf\u4dc0 \u9fff\ua000",
    "\u8c48\u0301 \uf900\u0301\u302e",
    "a\u4e00b\u4e01c",
    "\u4e00\u200d\u4e01\ufe00",
    "\u3007\u3021 \u2e80\u2f00",
    "\u56fd\U000e0100\u56fd",
    "\u3105\u3106 \u31a0 \ua015",
    "12\u67081\u65e5 2020\u5e74",
]

SYMBOLS = [
    "\U0001f600 smile \U0001f600\U0001f600",
    "\U0001f469\u200d\U0001f4bb \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "\U0001f1fa\U0001f1f8 \U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7",
    "\u2764\ufe0f \u2764 \u263a\ufe0e",
    "\U0001f44d\U0001f3fd thumbs\U0001f44dup",
    "1\ufe0f\u20e3 #\ufe0f\u20e3",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "\U0001f980\U0001fae0 a\U0001f980b",
    "\u2200x\u2208\u211d: x\xb2\u22650 \u2211\u222b\u221a\u221e \u2260 a\u0338=b",
    "\U0001d400\U0001d41a \U0001d7d8 \u210d \u212c",
    "H\u2082O E=mc\xb2 10\u207b\xb3 \xbd \xbe \u2153",
    "\ufb01ne \ufb02at \ufb03 \ufb05 \ufb13 \ufb2a\ufb4f",
    "\u201ccurly\u201d \u2018single\u2019 it\u2019s \xabguillemets\xbb \u2039x\u203a \u201elow\u201f",
    "en\u2013dash em\u2014dash minus\u2212sign hyphen\u2010 non\u2011breaking bar\u2015",
    "ellipsis\u2026 bullet\u2022 dagger\u2020 section\xa7 pilcrow\xb6",
    "\u20ac5 \xa35 \xa55 \u20b95 5\xa2 \u20bf",
    "\xa9 \xae \u2122 \xb0C \xb15 \xd7 \xf7 \xac \xa6",
    "\xa1hola! \xbfqu\xe9? \xb7 \xaa \xba",
    "\u2190\u2191\u2192\u2193 \u25a0\u25cf\u2605 \u2713\u2717",
    "\u2e3a\u2e3b \u2e43\u2e4f \u2e52 \u301c \uff5e",
    "\u2460\u2461 \u24b6\u24d0 \u2167\u2177",
    "\u2800\u2801 \u4dc0 \U0001f0a1",
    "\u166d \U000111c9 a\u166db",
    "\u061d \u0a76 \u0c77 \u1b7d",
    "\u2329x\u232a \u3008y\u3009",
    "\ufe4d\ufe4f\uff3f \u203f\u2040",
    "\ufe50\ufe57\ufe6b \uff04\uff0b",
    "\u05be\u05c0\u05f3 \u066a\u066d",
]

LONG = [
    "a" * 99,
    "a" * 100,
    "a" * 101,
    "x " + "b" * 101 + " y",
    "b" * 5000,
    "\xe9" * 99,
    "\xe9" * 100,
    "\xe9" * 101,
    "e\u0301" * 100,
    "e\u0301" * 101,
    "\u0130" * 51,
    "\u0130" * 100,
    "\u0130" * 101,
    "\ud55c" * 33,
    "\ud55c" * 34,
    "\ud55c" * 100,
    "\ud55c" * 101,
    "\u4e00" * 101,
    "!" * 101,
    "a-" * 60,
    "\u200b" * 200,
    "a\u200b" * 100,
    "a\u200b" * 101,
    "\u0301" * 300,
    "o" + "\u0301" * 300 + "o",
    "\u3042" * 100,
    "\u3042" * 101,
    "\U0001f600" * 100,
    "\U0001f600" * 101,
    "1" * 100,
    "Donaudampfschifffahrtsgesellschaftskapit\xe4nsm\xfctze",
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "\u0e01\u0e33\u0e25\u0e31\u0e07" * 25,
    "word " * 200,
]

MIXED = [
    "The caf\xe9 in \u6771\u4eac (Tokyo) costs \xa51,000\u2014or \u20ac8.",
    "In 1066, William\u2019s army\u00a0crossed the Channel\u200b; na\xefve?",
    "\ufeff\"S\xe3o Paulo\" \u2014 Beyonc\xe9 [SEP] \u0130stanbul\0\n\u041c\u043e\u0441\u043a\u0432\u0430",
    "x\xb2+y\xb2=z\xb2 \u2227 \u03b1\u03b2\u03b3\u2260\u03a9",
    "a\u0301\u4e00b\u0301,\u0302c\u0303 \u0304d",
    "\u0645\u0631\u062d\u0628\u0627hello\u05e9\u05dc\u05d5\u05dd\u4f60\u597d\ud55c\uae00\u0e44\u0e17\u0e22",
    "Ph\u1ea1m V\u0103n \u0110\u1ed3ng (1906\u20132000)",
    "A\u030a\u200d\u0327 \ufb01\u0301 \u212b\u0316\u302e!",
    "tab\tnew\nret\rnul\0esc\x1b[0m del\x7f",
    "\U0001d49c\u0301\U0001f469\u200d\U0001f52c\ufe0f\u4e2d\uac00\u0e33.",
    "Nikola Tesla (\u0421\u0440\u043f\u0441\u043a\u0438: \u041d\u0438\u043a\u043e\u043b\u0430 \u0422\u0435\u0441\u043b\u0430; 10 July 1856 \u2013 7 January 1943)",
    "\u0627\u0644\u0642\u0627\u0647\u0631\u0629 al-Q\u0101hirah, \u201cthe Vanquisher\u201d",
    "K\u00f6nigsberg\u2013Kaliningrad\u00ad\u200b/\u041a\u0430\u043b\u0438\u043d\u0438\u043d\u0433\u0440\u0430\u0434",
    "!\u0301?\u0316a \u0301!",
    "\ud7a3\u11a8\u0301\ud7a3x",
    "end with mark e\u0301",
    "end with dropped\u200b",
    "end with space\u3000",
]

# One character of each block of the first planes and its neighbours, so that no script is forgotten.
BLOCKS = [
    "".join(chr(code + step) + "x" for step in (0x10, 0x21, 0x35, 0x4A))
    for code in [*range(0x0080, 0x2E00, 0x100), *range(0xA000, 0xAC00, 0x100), *range(0x10000, 0x12000, 0x100)]
]

TEXTS = (
    PLAIN + SPECIAL_NAMES + CONTROLS + SPACES + ACCENTS + MARK_ORDER + SCRIPTS + EAST_ASIAN + SYMBOLS
    + LONG + MIXED + BLOCKS
)

INVALID_TEXTS = [
    b"\xff",
    b"a\xffb",
    b"abc\x80def",
    b"\xc3",
    b"caf\xc3",
    b"\xc3(",
    b"\xe2\x82",
    b"\xe2\x82A",
    b"\xe2(\xa1",
    b"\xf0\x9f\x98",
    b"\xf0\x9f\x98 x",
    b"\xf0\x9fa\x98b",
    b"\xc0\xaf overlong \xc1\x81",
    b"\xe0\x80\xaf \xe0\x9f\xbf",
    b"\xf0\x80\x80\xaf \xf0\x8f\xbf\xbf",
    b"surrogate \xed\xa0\x80 half \xed\xbf\xbf",
    b"\xed\xa0\xbd\xed\xb8\x80 pair",
    b"\xf4\x90\x80\x80 beyond",
    b"\xf5\x80\x80\x80 \xf8\x88\x80\x80\x80 \xfe\xff",
    b"good \xe4\xb8\xad bad \xe4\xb8 good \xe4\xb8\xad",
    b"\xe9t\xe9 latin-1",
    b"e\xcc\x81\xff\xcc\x81e",
    b"a\xcc\xb8\x80\xcc\x96b",
    b"\x80" * 20,
    b"word" * 25 + b"\xff" + b"word",
    "\u4e2d\u6587".encode("utf-16-le"),
    "h\xe9llo".encode("utf-16-be"),
    b"\xef\xbb\xbfbom \xef\xbf\xbd \xef\xbf",
]
