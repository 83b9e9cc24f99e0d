"""Symbol files of every dialect since MXNet 0.8, as documents; record_symbol.py records how MXNet 1.9.1 reads them."""


def node(op, name, inputs, **fields):
    return dict(op=op, name=name, inputs=inputs, **fields)


def variables(*names):
    return [node("null", name, []) for name in names]


def document(nodes, heads, version=None, **fields):
    args = [number for number, row in enumerate(nodes) if row["op"] == "null"]
    found = dict(nodes=nodes, heads=heads, arg_nodes=args, **fields)
    if version is not None:
        found["attrs"] = {"mxnet_version": ["int", version]}
    return found


def dense(version=None, pair=2, **fields):
    inputs = [[0, 0, 0][:pair], [1, 0, 0][:pair], [2, 0, 0][:pair]]
    return document(
        variables("data", "w", "b") + [node("FullyConnected", "fc", inputs, **fields)], [[3, 0, 0][:pair]], version
    )


DOCUMENTS = {
    "operator_attributes_in_param": dense(param={"num_hidden": "3"}),
    "operator_attributes_in_attr": dense(attr={"num_hidden": "3"}, version=1000),
    "operator_attributes_in_attrs": dense(attrs={"num_hidden": "3"}, version=10901, pair=3),
    "param_and_attr": dense(param={"num_hidden": "3"}, attr={"lr_mult": "1", "ctx_group": "g"}),
    "attr_wins": dense(param={"num_hidden": "3"}, attr={"num_hidden": "4"}),
    "multipliers_of_variables": dense(
        param={"num_hidden": "3"}, attr={"lr_mult": "1", "ctx_group": "g", "weight_lr_mult": "5", "bias_wd_mult": "6"}
    ),
    "multipliers_in_version_1": dense(attr={"num_hidden": "3", "weight_lr_mult": "4", "lr_mult": "2"}, version=1000),
    "variables_with_attributes": document(
        [
            node("null", "data", [], attr={"lr_mult": "2", "foo": "x", "weight_lr_mult": "3", "__shape__": "(2,3)"}),
            node("relu", "r", [[0, 0]]),
        ],
        [[1, 0]],
    ),
    "auxiliary_states_missing": document(
        variables("data", "g", "b")
        + [node("BatchNorm", "bn", [[0, 0], [1, 0], [2, 0]], param={"eps": "0.1"}, attr={"ctx_group": "z"})],
        [[3, 0]],
    ),
    "arguments_missing": document(
        variables("data")
        + [node("FullyConnected", "fc", [[0, 0]], param={"num_hidden": "3"}, attr={"ctx_group": "q"})],
        [[1, 0]],
    ),
    "old_names": document(
        variables("x", "y") + [node("_Plus", "p", [[0, 0], [1, 0]]), node("Softmax", "s", [[2, 0], [1, 0]])], [[3, 0]]
    ),
    "old_argmax": document(
        variables("x") + [node("argmax", "q", [[0, 0]], attrs={"axis": "-1"})], [[1, 0]], version=904
    ),
    "new_argmax": document(
        variables("x") + [node("argmax", "q", [[0, 0]], attrs={"axis": "-1"})], [[1, 0]], version=905
    ),
    "equal_names": document(variables("x", "x") + [node("elemwise_add", "q", [[0, 0], [1, 0]])], [[2, 0]]),
    "backward_source": document([node("null", "x", [], backward_source_id=-1)], [[0, 0]]),
    "several_heads": document(
        variables("x") + [node("SliceChannel", "s", [[0, 0]], attrs={"num_outputs": "3"}), node("relu", "r", [[1, 1]])],
        [[1, 0], [1, 2], [2, 0]],
        version=10500,
    ),
    "control_dependencies": document(variables("x") + [node("relu", "r", [[0, 0]], control_deps=[0])], [[1, 0]]),
    "python_2_numbers": document(
        variables("x") + [node("Reshape", "r", [[0, 0]], attrs={"shape": "(2L, -1L)", "reverse": "0"})],
        [[1, 0]],
        version=10000,
    ),
}


def read(mx, name):
    """What the symbol in a document says of itself."""
    import json

    symbol = mx.sym.load_json(json.dumps(DOCUMENTS[name]))
    return {
        "arguments": symbol.list_arguments(),
        "auxiliary": symbol.list_auxiliary_states(),
        "outputs": symbol.list_outputs(),
        "attr_dict": symbol.attr_dict(),
        "json": symbol.tojson(),
    }
