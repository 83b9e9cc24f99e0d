"""Record the networks of the original's model zoo: representations, parameters, graphs, and answers.

Run with the original's Python: python tests/oracle/record_model_zoo.py. Writes data/model_zoo.json.
"""

import json
import os

import mxnet as mx
from mxnet.gluon.model_zoo import model_store, vision

import model_zoo_cases as cases

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def main():
    facts = {"sha1": model_store._model_sha1, "models": {}, "variants": {}}
    for name, edge in cases.MODELS.items():
        with mx.name.NameManager():
            fact = cases.describe(mx, vision.get_model(name))
            fact["answer"] = cases.answer(mx, vision.get_model(name, classes=4), edge)
        facts["models"][name] = fact
        print(name, fact)
    for name, (build, edge) in cases.VARIANTS.items():
        with mx.name.NameManager():
            net = build(vision)
            fact = cases.describe(mx, net)
            fact["answer"] = cases.answer(mx, net, edge)
        facts["variants"][name] = fact
        print(name, fact)
    with mx.name.NameManager():
        facts["aux"] = cases.describe(mx, vision.inception.make_aux(4))
    with open(os.path.join(HERE, "model_zoo.json"), "w") as file:
        json.dump(facts, file, indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
