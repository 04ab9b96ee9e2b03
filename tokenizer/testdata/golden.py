"""Writes golden.json.gz: what Hugging Face's tokenizers (0.23) do with small tokenizers of many kinds.

    python tokenizer/testdata/golden.py [--texts N] [--out FILE] [--model tokenizer.json …] [--lines FILE …]

Without --model the tokenizers are trained here, on the words below. With it, that tokenizer reads the same texts.
"""
import argparse, gzip, json, random
from tokenizers import Tokenizer, AddedToken, Regex, models, normalizers as N, pre_tokenizers as P, processors as Q, decoders as D, trainers

CORPUS = """The quick brown fox jumps over the lazy dog. It's 2024-01-31; don't panic, we'll see 3.14159 and 1,000,000 others.
def f(x):\n    return x**2 + 1  # comment\n\nnaïve café résumé Ångström straße, Привет мир, γειά σου κόσμε, 日本語のテキスト, 한국어 텍스트.
the film is almost perfect, the film was not perfect, the people of the town were there then, that this those these.
http://example.org/a?b=c&d=e <tag attr="value">text</tag> HELLO World iPhone don't can't I'm you're""".split("\n")

TRICKY = [
    "", " ", "   ", "\n\n\n", "\t\tx", "a", "Hello, world!", " leading", "trailing ", "  two  spaces   and\ttabs\n\nnewlines\r\n",
    "I'm you're we'll they've IT'S DON'T he'd 'S 'ſ 'Re", "1234567890 3.14159 1,000,000 ½ ² ٣ Ⅷ 一二", "naïve café résumé Ångström straße İstanbul ǅ",
    "nai\u0308ve cafe\u0301 A\u030angstro\u0308m q\u0307\u0323 q\u0323\u0307 \u0301x", "日本語のテキスト、中文字符，한국어 텍스트", "\u1112\u1161\u11ab\u1100\u1173\u11af 각\u11a8",
    "Привет мир! Γειά σου ΚΌΣΜΕΣ ς العربية עברית", "😀 🎉👩‍👩‍👧‍👦 👍🏽 🇫🇷", "\u200b \u00a0\u2028x\u3000y\u0085z\x1c\x00\ufffd\ufeff", "ﬁ ﬃ № ㎏ ½ ｈａｌｆ Ａ",
    "\u2e80\u3041\u4e00\u9fff\U00020000\U0002b81f\U0002b820\U0002b920\uf900\u3400", "[CLS] a [SEP] [MASK].", "x[MASK]y [ MASK ] [mask]", "<|end|>abc<|end|>", "ab<|end|>  ", "  <sp>  mid  <sp>", "word<w>word <w> a<w>",
    "The<N>the<n> É<N>", "don't   stop\n\n\n  now\r\n\r\n  x", "a\n \n b", "x=1;y=2;//c++\n#include <vector>\nint main(){return 0;}", "http://example.org/a?b=c&d=%20#frag",
    "supercalifragilisticexpialidocious", "a" * 120 + " b", "-- --- — “quotes” ‘x’ «y» … ¿qué? ¡no!", "_under_score__ a_b 1_2", "$5.00 + €3 = ^~`|<>", "the the the", "THE FILM", "\u0e01\u0e33 ไทย हिन्दी বাংলা தமிழ்",
    "a\u0300\u0301\u0302" * 3, "e" + "\u0301" * 40, "\U0001d165\U0001d15e \u0344 \u1e9b\u0323 \u212b", "tab\tnew\nret\rff\x0cvt\x0b.", "▁under ▁▁ x▁y", "<0x41> <0xE2>", "ab  ", "\u00a0nbsp\u00a0 x",
]


def words(rng, n):
    pools = ["abcdefghijklmnopqrstuvwxyz", "ABCXYZ", "0123456789", " ", " \t\n\r", ".,;:!?'\"-_()[]{}<>|/\\@#$%^&*+=~`", "éàüñçßœİıſǅ", "абвгДЕЖ", "αβγΣς", "日本語中文字", "한국어", "\u0300\u0301\u0323\u20dd",
             "٣४½²Ⅷ", "😀👍🏽\u200d\ufe0f", "\u00a0\u2003\u3000\u200b\u2028\u0085", "\x00\x07\x1f\x7f\ufffd\ue000\u00ad", "ﬁ㎏Ａ①"]
    out = []
    for _ in range(n):
        s = "".join(rng.choice(rng.choice(pools)) for _ in range(rng.randrange(1, 24)))
        if rng.random() < .3:
            s = rng.choice(CORPUS)[:rng.randrange(40)] + s
        if rng.random() < .15:
            k = rng.randrange(len(s) + 1)
            s = s[:k] + rng.choice(["<|end|>", "<sp>", "<w>", "<N>", "[MASK]", "[SEP]", "'s", "'LL"]) + s[k:]
        if rng.random() < .2:
            s += chr(rng.choice([rng.randrange(0x20, 0xd800), rng.randrange(0xe000, 0x30000)]))
        out.append(s)
    return out


def bpe(pre, normalizer=None, decoder=None, post=None, size=420, alphabet=None, added=(), **kw):
    t = Tokenizer(models.BPE(**kw))
    if normalizer: t.normalizer = normalizer
    if pre: t.pre_tokenizer = pre
    specials = [kw["unk_token"]] if kw.get("unk_token") else []
    if kw.get("byte_fallback"): specials += [f"<0x{b:02X}>" for b in range(256)]
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=size, show_progress=False, special_tokens=specials, initial_alphabet=alphabet or [],
        **{k: kw[k] for k in ("continuing_subword_prefix", "end_of_word_suffix") if k in kw}))
    if kw.get("byte_fallback"): # byte tokens are no added tokens
        d = json.loads(t.to_str()); d["added_tokens"] = [a for a in d["added_tokens"] if not a["content"].startswith("<0x")]
        t = Tokenizer.from_str(json.dumps(d))
    return finish(t, decoder, post, added)


def wordpiece(normalizer, pre, decoder=None, post=None, size=300, added=()):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = normalizer, pre
    t.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=size, show_progress=False, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    return finish(t, decoder or D.WordPiece(), post, added)


def finish(t, decoder, post, added):
    if decoder: t.decoder = decoder
    for a in added:
        (t.add_special_tokens if a.special else t.add_tokens)([a])
    if post: t.post_processor = post(t)
    return t


ADDED = [AddedToken("<|end|>", special=True), AddedToken("<sp>", lstrip=True, rstrip=True, normalized=False), AddedToken("<w>", single_word=True, normalized=False),
         AddedToken("<n>", normalized=True), AddedToken("<|end|>x", normalized=False)]
BYTES = P.ByteLevel.alphabet()
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
DEEPSEEK = P.Sequence([P.Split(Regex(r"[\r\n]"), "isolated"), P.Split(Regex(r"\s?\p{L}+"), "isolated"), P.Split(Regex(r"\s?\p{P}+"), "isolated"),
                       P.Split(Regex("[一-龥ࠀ-一가-퟿]+"), "isolated"), P.Digits(True), P.ByteLevel(add_prefix_space=False, use_regex=False)])


def bert(t):
    return Q.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[(s, t.token_to_id(s)) for s in ("[CLS]", "[SEP]")])


def kinds():
    level = P.ByteLevel(add_prefix_space=False)
    yield "gpt2", bpe(level, decoder=D.ByteLevel(), post=lambda t: Q.ByteLevel(trim_offsets=False), alphabet=BYTES, added=ADDED)
    yield "smollm", bpe(P.Sequence([P.Digits(True), level]), decoder=D.ByteLevel(), alphabet=BYTES, added=ADDED)
    yield "prefix", bpe(P.ByteLevel(add_prefix_space=True), decoder=D.ByteLevel(), post=lambda t: Q.ByteLevel(trim_offsets=True), alphabet=BYTES, added=ADDED)
    yield "roberta", bpe(P.ByteLevel(add_prefix_space=True), decoder=D.ByteLevel(), alphabet=BYTES, added=[AddedToken("<s>", special=True), AddedToken("</s>", special=True), AddedToken("<mask>", lstrip=True, special=True)],
        post=lambda t: Q.RobertaProcessing(("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>"))))
    yield "llama3", bpe(P.Sequence([P.Split(Regex(LLAMA3), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)]), decoder=D.ByteLevel(), alphabet=BYTES, added=ADDED, ignore_merges=True,
        post=lambda t: Q.Sequence([Q.ByteLevel(trim_offsets=False), Q.TemplateProcessing(single="<|end|> $A", pair="<|end|> $A <|end|>:1 $B:1", special_tokens=[("<|end|>", t.token_to_id("<|end|>"))])]))
    yield "qwen2", bpe(P.Sequence([P.Split(Regex(QWEN2), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)]), N.NFC(), D.ByteLevel(), alphabet=BYTES, added=ADDED)
    yield "deepseek", bpe(DEEPSEEK, decoder=D.ByteLevel(), alphabet=BYTES, added=ADDED)
    yield "few bytes", bpe(level, decoder=D.ByteLevel(), added=ADDED)
    for fuse in False, True:
        yield f"unknown bytes, fused {fuse}", bpe(level, decoder=D.ByteLevel(), unk_token="<unk>", fuse_unk=fuse, added=ADDED)
    yield "llama2", bpe(None, N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]), size=700, unk_token="<unk>", fuse_unk=True, byte_fallback=True, added=ADDED)
    for scheme in "always", "first", "never":
        yield "metaspace " + scheme, bpe(P.Metaspace(prepend_scheme=scheme, split=scheme != "never"), decoder=D.Metaspace(prepend_scheme=scheme), size=250, unk_token="<unk>", fuse_unk=scheme == "first", added=ADDED)
    yield "end of word", bpe(P.Sequence([P.WhitespaceSplit(), P.Punctuation()]), N.Sequence([N.NFKC(), N.Lowercase()]), D.Sequence([D.Replace("</w>", " "), D.Strip(" ", 0, 0)]), size=260, unk_token="<unk>", end_of_word_suffix="</w>", added=ADDED)
    yield "inside word", bpe(P.Whitespace(), N.NFKD(), D.WordPiece("@@", False), size=260, unk_token="<unk>", continuing_subword_prefix="@@", added=ADDED)
    yield "bert", wordpiece(N.BertNormalizer(), P.BertPreTokenizer(), post=bert, added=ADDED)
    yield "bert cased", wordpiece(N.BertNormalizer(lowercase=False), P.BertPreTokenizer(), post=bert)
    yield "bert accents", wordpiece(N.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=False), P.BertPreTokenizer(), D.WordPiece(cleanup=False),
        lambda t: Q.BertProcessing(("[SEP]", t.token_to_id("[SEP]")), ("[CLS]", t.token_to_id("[CLS]"))))
    yield "words", wordpiece(N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents(), N.Strip(), N.Replace(Regex(r"\d+"), "0"), N.Replace("film", "movie")]), P.Sequence([P.Whitespace(), P.Digits(False)]), post=bert)
    for b in "removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous":
        yield "split " + b, bpe(P.Split(Regex(r"\d|[,. ]|\s+(?!\S)|\s+"), b, invert=b == "contiguous"), size=250, unk_token="<unk>", added=ADDED)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--texts", type=int, default=24, help="random texts beside the tricky ones")
    p.add_argument("--out", default=__file__.replace("golden.py", "golden.json.gz"))
    p.add_argument("--model", nargs="*", default=[])
    p.add_argument("--lines", nargs="*", default=[], help="files whose lines are texts too")
    a = p.parse_args()
    rng = random.Random(1)
    out = []
    extra = [l.rstrip("\n") for f in a.lines for l in open(f, encoding="utf-8")]
    for name, t in [(m, Tokenizer.from_file(m)) for m in a.model] or kinds():
        t.no_truncation(); t.no_padding()
        cases = []
        texts = TRICKY + words(rng, a.texts) + extra
        for i, text in enumerate(texts):
            special, parse = i % 2 == 0, i % 3 != 0
            pair = texts[i - 1] if i % 5 == 4 else None
            limit = rng.randrange(4, 12) if i % 7 == 6 else 0
            t.encode_special_tokens = not parse
            t.enable_truncation(limit) if limit else t.no_truncation()
            e = t.encode(text, pair, add_special_tokens=special)
            spans = []
            for (s, z), seq in zip(e.offsets, e.sequence_ids):
                src = text if seq != 1 else pair
                spans.append([len(src[:s].encode()), len(src[:z].encode())] if seq is not None else [0, 0])
            case = dict(text=text, special=special, parse=parse, ids=e.ids, spans=spans, types=e.type_ids, decoded=t.decode(e.ids, skip_special_tokens=True))
            if pair is not None: case["pair"] = pair
            if limit: case["limit"] = limit
            cases.append(case)
        t.no_truncation(); t.encode_special_tokens = False
        out.append(dict(name=name, tokenizer=None if a.model else json.loads(t.to_str()), cases=cases))
    raw = json.dumps(out, ensure_ascii=False, separators=(",", ":")).encode()
    open(a.out, "wb").write(gzip.compress(raw, 9, mtime=0))
    print(len(out), "tokenizers,", sum(len(k["cases"]) for k in out), "cases")


main()
