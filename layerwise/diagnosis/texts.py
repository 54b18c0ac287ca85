"""Every sentence of a diagnosis, as a template over what its finding holds.

A field's format tells how it is put into words, as `sentences.FORMATS` lists it: `{maker:Step}`
is a step with its window, `{shape:times}` a shape, `{got:channel}` a count with its noun.
`{Place}` is the layer that failed, `{Layer}` the operation in it where a block called one.
"""

_MUST = {
    "whole": "a whole number",
    "least": "{expected} or more",
    "padding": 'a number, "same" or "valid"',
    "probability": "a probability from 0 to 1",
    "multiple": "a multiple of {of}={expected}",
    "same": '1 with padding="same"',
    "half": "at most {expected}, half of the kernel of {of}",
    "one": "one number",
    "count": "one number, or {expected}",
}
_UNKNOWN = (
    "The network does not know of {parts:%s} in self.{name}: {expected:%s} would not be trained."
)
_EXPECTS = "{Layer} expects {expected:number}, but"
_ARRIVE = f"{_EXPECTS} {{before:product}} arrive."

HEADLINES: dict[str, str] = {
    # a layer and what arrives
    "type": "{Layer} reads numbers of type {expected}, but {got} arrives.",
    "dimensions": "{Layer} needs {axes:space}, but {shape:has}.",
    "dimensions of a norm": "{Layer} needs {legal:or} dimensions, but {shape:has}.",
    "channels": "{Layer} reads {expected:channel}, but {got:arrive}.",
    "slopes": "{Layer} has {expected:slope} for {got:channel}.",
    "in_features": f"{_EXPECTS} {{got:arrive}}.",
    "tied": "{Place} is made for {expected:,}, but its weight of {weight:times} reads {got:,}.",
    "not flattened": _EXPECTS + " {shape:image} arrives, which is not flattened: Linear reads its "
    "last axis, {got}.",
    "flattened wrongly": f"{_EXPECTS} {{got:arrive}}: {{read:times}} became {{made:times}}.",
    "flattened": _ARRIVE,
    "flattened maps": _ARRIVE + " {expected:,} = {count} × {side} × {side}: that would be maps of "
    "{side}×{side}.",
    "flattened channels": _ARRIVE + " {expected:,} = {fits:factors}: that would be "
    "{count:channel}.",
    "shrunk": "{Layer} has a window of {reach:times}, but a map of {sizes:times} arrives.",
    "shrunk padded": "{Layer} has a window of {reach:times}, but a map of {sizes:times} arrives, "
    "{padded:times} with its padding.",
    "one value": "{Place} in training needs more than one value per channel, but {shape:times} "
    "holds one.",
    "reshape": "{Place} cannot lay {shape:times} = {count:,} numbers out as {target:row}.",
    "rows": "{Place} cannot lay {shape:times} out in rows of {expected:number}.",
    "not contiguous": "{Place} cannot view {shape:times} as {target:row} without copying it: its "
    "numbers do not lie in this order in memory.",
    "matmul": "{Place} cannot multiply {one:times} by {two:times}: the first has rows of {got}, "
    "the second columns of {expected}.",
    "layer norm": "{Place} is made for {expected:times}, but {got:times} arrives.",
    "group norm": "{Place} cannot divide {got:channel} into {expected} groups.",
    # branches that meet
    "shortcut": "{Place} cannot {function:verb} {block:image} and {skip:image}: {differ:differ}.",
    "constant": "{Place} cannot combine {one:times} and {two:times}.",
    "combined": "{Layer} cannot combine {one:times} and {two:times}: {expected} against {got}.",
    "gate": "{Place} cannot {function:verb} {large:image} and {small:image}: {expected} against "
    "{got}.",
    "branches": "{Place} cannot join its branches: branch {number} of {count} is {odd:image}, the "
    "others are {others:images}.",
    "two branches": "{Place} cannot join its branches: branch {number} of {count} is {odd:image}, "
    "the other is {others:images}.",
    # settings and messages
    **{f"setting {key}": f"{{Layer}} cannot have {{name}}={{got:code}}: it must be {must}."
       for key, must in _MUST.items()},
    "message": "{message}.",
    "input": "{message:capital}.",
    "stated": "{Place}: {message}.",
    "unmade": "{Place} cannot have these settings: {message}.",
    "unknown": "PyTorch says: {message}.",
    "unknown layer": "{Place}: PyTorch says: {message}.",
    "rejected": "PyTorch refuses this call: {message}.",
    "own": "{error}: {message}.",
    # Python
    "recursion": "{function} calls itself without end.",
    "unbound": "The variable {name} is read before it has a value.",
    "name": "The name {name} is not defined.{near:meant}",
    "import": "The name {name} is not defined: write `{near}` at the top.",
    "no super": "{owner}.__init__ must call super().__init__() before it sets up layers.",
    "init": "{owner} has no __init__: its method is called {name}.",
    "attribute": "{owner} has no .{name}.{near:meant}",
    "attribute of None": "None has no .{name}: something before it returned nothing.",
    "no forward": "{owner} has no method called forward.",
    "misspelt forward": "{owner} defines {near}; PyTorch calls forward.",
    "holds layers": "{owner} only holds layers: call them one after the other, or use "
    "nn.Sequential.",
    "none called": "What is called here is None, not a layer.",
    "empty place": "Place {empty} of a Sequential is None. Has the function that makes it no "
    "`return`?",
    "called": "{name} is a tuple, and cannot be called.",
    "choice": "{callee} has no choice called {name}.{near:meant}",
    "keyword": "{callee} has no setting called {name}.{near:meant}",
    "class called": "Wrong arguments: {message}.",
    "call": "Wrong arguments: {message}.",
    "unlisted": "torch.{callee} takes its tensors as one list: write torch.{callee}([a, b], "
    "dim=1).",
    "no tensor": "{Layer} gets a {got} where a tensor is due.",
    "none given": "{Layer} gets None where a tensor is due.",
    "value in container": "{owner} takes layers, and {given} is none.",
    "dict in container": "{owner} takes layers, and it got a dict: write "
    "{owner}(*layers.values()).",
    "several in container": "{owner} takes layers, and it got a {given}: write {owner}(*layers).",
    "class in container": "{owner} takes layers, and {given} is a class: write {called}().",
    "function in container": "{owner} takes layers, and {given} is a function: write nn.{layer}().",
    "returns nothing": "The forward of block {path} ({owner}) returns nothing.",
    "returns none": "The forward of {owner} returns nothing.",
    "returns no tensor": "The forward of {owner} returns no tensor.",
    # what runs all the same
    "silent broadcast": "The {op} in {path:forward} joins two shapes, {one:times} and "
    "{two:times}: it runs, because PyTorch repeats {small:times} to fit.",
    "layers": _UNKNOWN % ("layer", "parameter"),
    "parameters": _UNKNOWN % ("parameter", "parameter"),
    "tensors": _UNKNOWN % ("tensor", "number"),
    "made in forward": "{owner}.{method} makes a new {made} at each run: its parameters are never "
    "trained.",
    "from outside": "The forward of {owner} reads {expected:parameter} that the network does not "
    "own: they would not be trained.",
    "used up": "self.{name} of {owner} is an iterator ({holds}), used up after one pass: the "
    "second input meets no layer.",
    "dropout": "The {function} in {path:forward} always drops, after net.eval() too.",
    "softmax": "{step:Step} makes shares that sum to 1 over the batch of {count:image} (dim=0).",
    "shared": "Layers {places:list} are one and the same {owner}: {expected} places share its "
    "{count:parameter}.",
    "in place": "{code} changes its input in place, and {name} is read after that, changed.",
    "unused": "{name} is never used: {expected:parameter} would not be trained.",
    "linear on maps": "{step:Step} reads maps of {shape:image}: it takes the {got:column} of each "
    "row for features.",
    "mixed batch": "{step:Step} makes {made:times} out of {read:times}: a row no longer belongs "
    "to one image.",
}  # fmt: skip

_KEEPS = "{owner} keeps them in a plain %s: write self.{name} = nn.%s."

CAUSES: dict[str, str] = {
    "": "",
    "input": "The input shape is {given}.",
    "makes": "{maker:Makes} {made:image}.",
    "makes all": "{maker:Makes} {made:times}.",
    "makes this": "{maker:Makes} {got}.",
    "makes shape": "{maker:Makes} {made:times} out of {read:times}.",
    "makes maps": "{maker:Makes} maps of {made:pixels} out of {read:pixels}.",
    "makes channels": "{maker:Makes} {got} channels.",
    "discarded": "{maker:Makes} {expected} channels, but nothing reads its result: write "
    "x = layer(x), not layer(x) alone.",
    "makes joined": "{maker:Makes} {parts:sum} = {got} channels.",
    "makes type": "{maker:Makes} numbers of type {got}.",
    "type": "The input is of type {got}: write x.to(torch.{expected}), or give it as ({given}, "
    "torch.{expected}).",
    "another norm": "{maker:Makes} {made:times} out of {read:times}: write nn.{right}.",
    "cast": "The forward itself makes numbers of type {got}: leave that out, or write "
    "x.to(torch.{expected}).",
    "axes": "The input shape {given} has {got} numbers where {wanted} are needed.",
    "axes, another norm": "The input shape {given} has {got} numbers where {wanted} are needed: "
    "give another input, or write nn.{right}.",
    "no batch": "The input shape {given} has no batch; a batch of one image is {right}.",
    "no channels": "The input shape {given} has no axis of channels; {count:image} of "
    "{reads:channel} are {right}.",
    "channels last": "The input shape {given} has its channels last; PyTorch reads {right}.",
    "input channels": "The input shape {given} means {got:channel}, the second number: give an "
    "input of {expected:channel}.",
    "input or layer": "The input shape {given} means {got:channel}, the second number: write "
    "{name}={got} in this layer, or give an input of {expected:channel}.",
    "overwritten": "A {kind} that reads {got:,} was built too, and is lost: this one has the same "
    "name, {path}, and took its place.",
    "joined": "{maker:Step} joins along axis {along}, so that {got} are left; with dim={axis} "
    "they are {parts:sum} = {total}.",
    "tied": "Its weight is that of a layer that goes the other way, and here it is needed "
    "transposed: F.linear(x, other.weight.t(), self.bias).",
    "tied convolution": "Its weight is that of a layer that goes the other way, and here it is "
    "needed transposed: use nn.{right}.",
    "flatten input": "The input is {shape:image}; nn.Flatten() would make it {shape:product}.",
    "flatten": "{maker:Makes} {shape:image}; nn.Flatten() would make it {shape:product}.",
    "flat all": "{maker:Step} also lays the {count:image} of the batch in the row: it starts at "
    "axis 0, and must start at axis 1.",
    "flat rows": "{maker:Makes} {rows:row} of {count:image}, of {read:product} numbers each: "
    "nn.Flatten() keeps the batch.",
    "flat short": "{maker:Step} stops early and leaves {left:times}: it must go on to the last "
    "axis.",
    "flat late": "{maker:Step} starts at axis {start} and leaves {left:times}: it must start at "
    "axis 1.",
    "pooled": "{maker:Makes} 1 number of each of the {count:,} channels.",
    "no more": "The input has no more: its shape is {given}.",
    "shrinks": "{maker:Makes} {made:pixels} out of {read:pixels}.",
    "shrinks most": "{maker:Step} shrinks the map most: it makes {made:pixels} out of "
    "{read:pixels}, on the way {way:way}.",
    "one image": "The batch holds 1 image: a batch of 2 works, and so does net.eval().",
    "one image, one pixel": "The batch holds 1 image, and {maker:step} leaves 1 pixel of "
    "{read:pixels}: a batch of 2 works, and so does net.eval().",
    "alone": "Each image is normalized by itself: a larger batch does not help.",
    "alone, one pixel": "Each image is normalized by itself, and {maker:step} leaves 1 pixel of "
    "{read:pixels}: a larger batch does not help.",
    "flatten any": "{maker:Makes} {made:product} numbers for each image; nn.Flatten() takes any "
    "number.",
    "room": "{maker:Makes} {made:product} numbers for each image; the new shape has room for "
    "{expected:,}.",
    "rows": "Each image has {shape:product} numbers, so a row has {got:,}: nn.Flatten() makes one "
    "row of each image.",
    "reshape": "{maker:Step} gives the same memory another order of axes: write "
    ".reshape{target:row}, or .contiguous() in front of .view.",
    "split": "{got} does not divide into {expected} parts, {expected} × {each} = {whole}: it must "
    "be a multiple of {expected}.",
    # branches
    "fork": "Both come from {fork:step}.",
    "on the shortcut": "{changes:Changes} on the shortcut, but the block keeps {kept:image}.",
    "another shortcut": "{changes:Changes}, but on the shortcut {last:step} makes {last:output}.",
    "unchanged": "{changes:Changes}, but the shortcut passes {kept:image} on unchanged.",
    "constant": "One of the two is a parameter or a constant of the network, made for another "
    "shape.",
    "inside": "In branch {number}, {maker:step} makes {made:pixels} out of {read:pixels}.",
    "inside padding": "In branch {number}, {maker:step} makes {made:pixels} out of {read:pixels}; "
    "padding {padding} would keep {read:pixels}.",
    "keeps": "Branch {number} keeps {kept:pixels}.",
    "keeps, another": "Branch {number} keeps {kept:pixels}, but {maker:step} makes {made:pixels}.",
    "along": "They are joined along axis {along}; with dim=1 they make {total} {unit}.",
    "stacked": "stack needs equal shapes; cat with dim=1 makes {total} {unit} of them.",
    # Python
    "divide": "A quotient of / is no whole number: divide with //, or write int(...).",
    "comma": "A comma at the end of the line of {name} makes it a tuple: take the comma away.",
    "a comma": "A comma at the end of a line or a `return` makes a tuple: take the comma away.",
    "in forward": "It happens in the forward of layer {path}.",
    "init": "Python calls __init__ alone, with two underscores on each side, so {name} never runs.",
    "local": "In {owner}.__init__, {name} is a local variable or an argument, and is gone at its "
    "end: write self.{name} = ...",
    "unlisted": "Its first argument is the list of all tensors, the second the axis.",
    "none given": "What comes before returns nothing.",
    "layer given": "The {got} itself is passed on, not its result: call it, layer(x).",
    "function given": "The function itself is passed on, not its result: call it, {called}(x).",
    "class given": "{called} is a class: keep a layer made of it, {called}(), and call that.",
    "several given": "What comes before has several results, a {got}: take one of them.",
    "value given": "What comes before makes a value of Python's own, of type {got}.",
    "returns nothing": "{owner}.forward has no `return` at its end, so {place} gets None.",
    "returns none": "{owner}.forward has no `return` at its end, so the output of the network is "
    "None.",
    "returns no tensor": "What {owner}.forward returns is something else: a layer that was not "
    "called, or nothing where an `if` does not hold.",
    # what runs all the same
    "two equal": "{maker:Makes} {small:times}; a shortcut needs two equal shapes.",
    "list of layers": _KEEPS % ("list or tuple", "ModuleList([...])"),
    "dict of layers": _KEEPS % ("dict", "ModuleDict({{...}})"),
    "list of parameters": _KEEPS % ("list or tuple", "ParameterList([...])"),
    "dict of parameters": _KEEPS % ("dict", "ParameterDict({{...}})"),
    "list of tensors": _KEEPS % ("list or tuple", "ParameterList([...])"),
    "dict of tensors": _KEEPS % ("dict", "ParameterDict({{...}})"),
    "plain tensors": "{owner} keeps it in a plain attribute: write self.{name} = "
    "nn.Parameter(...).",
    "made in forward": "What is made in forward begins anew each time: make it in __init__, as "
    "self.name = {made}(...).",
    "from outside": "A layer belongs to a network where __init__ makes it, as self.name = ...; "
    "this one comes from elsewhere.",
    "used up": "The network does not own what comes out of it either: write self.{name} = "
    "nn.ModuleList([...]).",
    "dropout": "Write F.{function}(x, p, training=self.training), or make an nn.Dropout in "
    "__init__.",
    "softmax": "Each image should have shares of its own: write dim={expected}.",
    "shared": "[layer] * n repeats one layer; make each one anew, [make() for _ in range(n)].",
    "in place": "{owner} needs {name} as it came in: leave inplace=True out, or keep "
    "{name}.clone().",
    "unused": "No method of {owner} reads self.{name}; the last layer that runs is {last}.",
    "linear on maps": "To read the whole image, put nn.Flatten() in front of it: {shape:product} "
    "numbers.",
    "mixed batch": "The batch is {expected}, and {expected:row} of {read:product} numbers were "
    "due: nn.Flatten() keeps the batch.",
}  # fmt: skip
