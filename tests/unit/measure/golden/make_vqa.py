#!/usr/bin/env python3
"""vqa.json: questions with answers and predictions, and what VQA's official evaluation makes of them.

    make_vqa.py PythonEvaluationTools/vqaEvaluation/vqaEval.py > vqa.json      (GT-Vision-Lab/VQA, a013f00)

The evaluation is Python 2; only its print statements are changed.
"""
import json
import random
import re
import sys

WORDS = """yes no Yes YES none zero one two Three ten a an the A THE cat dog skate board t-shirt dont Dont don't Im ive
shes somebody'd 'ow'sat yall'd've couldnt wont 1 2 10 1,000 2.5 .5 3. p.m. u.s. st. black&white black/white red, ,red
red,green (left) [x] {y} "quoted" a;b c: d? e! ?f g@h `i` j=k l+m n_o p\\q <r> hot-dog hot -dog É café ÉCOLE ß … 50%
$5 #1 it's its o'clock oclock -- - . , ' # 12:30 ΑΣ straße""".split()
KINDS = ["what is", "how many", "is the", ""]
TYPES = ["yes/no", "number", "other"]


def text(random_):
    words = [random_.choice(WORDS) for _ in range(random_.choice([1, 1, 1, 2, 2, 3, 5]))]
    joined = random_.choice([" ", " ", " ", "  ", "\t", "\n", "\u00a0", ""]).join(words)
    return random_.choice(["", "", "", " ", "\n", "\u3000"]) + joined + random_.choice(["", "", "", " ", "\t"])


def spelled(random_, answer):
    change = random_.choice([str, str, str.upper, str.strip, lambda t: t + ".", lambda t: "the " + t,
                             lambda t: t.replace("-", " "), lambda t: t.replace(",", "")])
    return change(answer)


def question(random_, number):
    pool = [text(random_) for _ in range(random_.choice([1, 1, 2, 3, 4]))]
    exact = random_.random() < 0.2
    answers = [pool[0] if exact else spelled(random_, random_.choice(pool)) for _ in range(10)]
    return {"id": number, "answers": answers, "prediction": spelled(random_, random_.choice(pool)),
            "question_type": random_.choice(KINDS), "answer_type": random_.choice(TYPES)}


def main():
    source = re.sub(r'print ("[^"]*")', r"print(\1, file=sys.stderr)", open(sys.argv[1]).read())
    scope = {}
    exec(compile(source, sys.argv[1], "exec"), scope)
    scope["VQAEval"].updateProgress = lambda self, progress: None
    random_ = random.Random(7)
    questions = [question(random_, i) for i in range(600)]
    dots = "x" + ".x" * 40
    questions.append({"id": 600, "answers": [dots, "y"] * 5, "prediction": dots, "question_type": "", "answer_type": "other"})
    questions.append({"id": 601, "answers": [dots.replace(".", ""), "y"] * 5, "prediction": dots, "question_type": "",
                      "answer_type": "other"})

    class Truth:
        qa = {q["id"]: {"answers": [{"answer": a, "answer_id": i} for i, a in enumerate(q["answers"])],
                        "question_type": q["question_type"], "answer_type": q["answer_type"]} for q in questions}
        getQuesIds = staticmethod(lambda: [q["id"] for q in questions])

    class Said:
        qa = {q["id"]: {"answer": q["prediction"]} for q in questions}

    evaluation = scope["VQAEval"](Truth, Said, n=12)
    evaluation.evaluate()
    for q in questions:
        q["percent"] = evaluation.evalQA[q["id"]]
        q["normalised"] = evaluation.processDigitArticle(evaluation.processPunctuation(
            q["prediction"].replace("\n", " ").replace("\t", " ").strip()))
    json.dump({"questions": questions, "overall": evaluation.accuracy["overall"],
               "answer_types": evaluation.accuracy["perAnswerType"],
               "question_types": evaluation.accuracy["perQuestionType"]}, sys.stdout, ensure_ascii=False, indent=0)
    print()


main()
