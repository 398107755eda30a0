#!/usr/bin/env python3
"""Lines and the words that METEOR 1.5 cuts them into: words.txt, a line and below it its words.

    python make.py METEOR-1.5.JAR        needs Java
"""
import pathlib
import random
import subprocess
import sys
import tempfile

# What test_meteor_words.c takes for abbreviations.
PREFIXES = "Mr\nv\nNo #NUMERIC_ONLY#\n"
WRITTEN = """A man (in red) isn't here.
x-y-z, t-shirt and U.S.-based
u.s. p.m. a.b.c
Mr. Smith met No. 5 and No. x
v. dog. Dog. dog
the 90's, 'tis o'clock 1'000
1,000 a,b ,, 1,, ,2
wait... and.. so.
``quoted'' \u201cdouble\u201d \u2018single\u2019
a -- b \u2013 c---d
dogs. 5 dogs
100% & #1 <b> a_b
\u00c9T\u00c9 CAF\u00c9 \u72ac\u732b \u042e-\u042f
\u039f\u0394\u039f\u03a3 \u03a3\u0391\u03a3
a\u00a0b\u3000c
inc. The end of a.
.
..
-lrb- a -rrb-
'' ' ` \"""".split("\n")
PIECES = list("aAsZ 19 .,'`-\"\u2019\u2018\u201c\u201d\u2013\u2014\u2026!?()[]&%_\u00e9\u0160\u042e\u5b57\U0001f600\u00a0\u3000\x01\x0b\t") + [
    "..", "...", "--", "---", "''", "'''", "``", "U.S.", "Mr.", "No.", "e.g.", "1,000", "3.5", "don't", "'s", "x-y-z", "v.",
    "a,,b", "1,,2", "No. 5", "90's"]
PROGRAM = """
import java.io.*;
import java.util.*;
import edu.cmu.meteor.util.*;
public class Words {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        for (String line; (line = in.readLine()) != null;) {
            String words = Normalizer.normalizeLine(line.trim(), Constants.getLanguageID("english"), true);
            StringJoiner joined = new StringJoiner(" ");
            for (StringTokenizer t = new StringTokenizer(words.toLowerCase()); t.hasMoreTokens();) joined.add(t.nextToken());
            out.println(joined);
        }
    }
}
"""


def cut(jar, lines):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "nonbreaking").mkdir()
        (folder / "nonbreaking/english.prefixes").write_text(PREFIXES)
        (folder / "Words.java").write_text(PROGRAM)
        subprocess.run(["javac", "-cp", jar, "-d", name, f"{name}/Words.java"], check=True)
        return subprocess.run(["java", "-cp", f"{name}:{jar}", "Words"], input="\n".join(lines) + "\n", check=True,
                              capture_output=True, encoding="utf-8").stdout.split("\n")[:-1]


def main():
    rng = random.Random(5)
    lines = WRITTEN + ["".join(rng.choice(PIECES) + rng.choice(["", "", " "]) for _ in range(rng.randint(0, 14)))
                       for _ in range(400)]
    words = cut(sys.argv[1], lines)
    assert len(words) == len(lines)
    with open(pathlib.Path(__file__).parent / "words.txt", "w", encoding="utf-8", newline="\n") as out:
        out.writelines(f"{line}\n{cut_line}\n" for line, cut_line in zip(lines, words))


main()
