"""What a training step keeps between its forward and its backward pass, by formula.

A number in a matrix product has `products` bytes, one between the decoder's layers `weights` bytes. A token
keeps, in a layer of width W with an inner width I:

    norm        the input in float32, 4 W; where its weight learns also the normalised input, `weights` W
    matrices    an input for each matrix that learns or has an adapter. Matrices that share an input keep one,
                unless it has to be cast or drop out for each of them, or words and visual tokens are told
                apart before each
    adapter     its narrow state, rank numbers, and the mask of its dropout
    attention   queries, keys, values and output, and 4 bytes a head. What is kept is that of flash attention,
                on a GPU and on a CPU; attention written out would also keep its probabilities, as many a head
                as there are tokens. Where pictures of several sizes are padded, keys and values are kept for
                every head, which is 5 % more on Qwen2-VL-7B and left out here
    network     gate, its activation and up, 3 I; in vision towers the state before the activation and, for
                quick GELU, its sigmoid

With checkpointing only the input of each layer is kept, `weights` W, and one layer is made again at a time.
transformers then also has the outputs of both embeddings require gradients, so that a frozen vision tower
that looks at pictures is checkpointed, made again and differentiated through, too.

A layer that nothing needs gradients of, a frozen tower or the first norm over frozen embeddings, keeps
nothing. Under autocast a float32 weight is cast for its product; the casts of learning weights are kept until
the forward pass ends, and those of frozen ones as long as the activations behind them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from moslab.experiments.planning.anatomy import Anatomy, Gathering, Layer, Matrix

STATISTICS = 4  # bytes of one number that a norm keeps of a token


@dataclass(frozen=True)
class Numbers:
    """How many bytes numbers have.

    Attributes:
        weights: of the backbone, and between the decoder's layers.
        products: in matrix products: 2 under bfloat16 autocast.
        wide_norms: whether LayerNorm computes in float32 whatever it is given, as autocast has it on a GPU
            and not on a CPU.
        mask: of a dropped-out number, 1 on a GPU and 4 on a CPU.
    """

    weights: int
    products: int
    wide_norms: bool = True
    mask: int = 1

    @property
    def cast(self) -> bool:
        """Whether products run under autocast."""
        return self.products < 4


@dataclass(frozen=True)
class Batch:
    """What a device takes at once.

    Attributes:
        tokens: of all sequences, text and pictures.
        visual: of these, the pictures' own.
        patches: of all pictures.
        pictures: how many there are.
        taught: tokens whose logits are computed.
        looks: whether the tower sees the pictures.
    """

    tokens: float
    visual: float
    patches: float
    pictures: float
    taught: float
    looks: bool


@dataclass(frozen=True)
class Kept:
    """Bytes that are kept for a batch.

    Attributes:
        language: of the decoder.
        vision: of the tower and what joins it.
        logits: of the vocabulary.
        casts: weights in bfloat16.
        again: the largest layer, while it is made again; 0 without checkpointing.
    """

    language: float
    vision: float
    logits: float
    casts: float
    again: float

    @property
    def total(self) -> float:
        """All together."""
        return self.language + self.vision + self.logits + self.casts + self.again


def kept(anatomy: Anatomy, batch: Batch, numbers: Numbers, checkpointing: bool) -> Kept:
    """What a step keeps, in bytes."""
    language, decoder_layer = _decoder(anatomy, batch, numbers, checkpointing)
    vision, tower_layer = _vision(anatomy, batch, numbers, checkpointing)
    head = anatomy.vocabulary
    logits = batch.taught * (head.outputs * 4 + head.learns * head.inputs * numbers.products)
    return Kept(
        language=language,
        vision=vision,
        logits=logits,
        casts=_casts(anatomy, batch, numbers, checkpointing),
        again=max(decoder_layer, tower_layer) if checkpointing else 0.0,
    )


def tower_flows(anatomy: Anatomy, looks: bool) -> bool:
    """Whether gradients flow through the vision tower."""
    return looks and anatomy.tower_learns


def _decoder(anatomy: Anatomy, batch: Batch, numbers: Numbers, checkpointing: bool) -> tuple[float, float]:
    """What the decoder keeps, and what its last layer does when it is made again."""
    entered = anatomy.embeds or tower_flows(anatomy, batch.looks)
    total = 0.0
    full = 0.0
    for layer in anatomy.decoder:
        full = (batch.tokens - batch.visual) * decoder_layer(layer, layer.first, numbers, entered)
        full += batch.visual * decoder_layer(layer, layer.for_visual, numbers, entered)
        total += batch.tokens * layer.width * numbers.weights if checkpointing else full
        entered = entered or layer.learns
    last = anatomy.decoder[-1]
    total += batch.tokens * _root_mean_square(last.width, last.norms_learn, numbers, entered)
    return total, full


def decoder_layer(layer: Layer, first: Sequence[Matrix], numbers: Numbers, entered: bool) -> float:
    """Bytes that a layer of the decoder keeps of a token.

    Args:
        layer: the layer.
        first: what reads its first norm of this kind of token.
        numbers: see `Numbers`.
        entered: whether its input requires gradients.
    """
    inner = layer.narrow.inputs
    flows = entered or layer.norms_learn
    groups = [[matrix] for matrix in first] if layer.visual else [first]  # that share an input
    inputs = sum(_inputs(group, numbers, numbers.weights, flows=flows) for group in groups)
    norms = _root_mean_square(layer.width, layer.norms_learn, numbers, entered)
    norms += _root_mean_square(layer.width, layer.norms_learn, numbers, True)
    attention = sum(matrix.outputs for matrix in first) + layer.out.inputs
    return (
        norms
        + inputs
        + attention * numbers.products
        + layer.heads * STATISTICS
        + _inputs([layer.out], numbers, numbers.products, held=True)
        + _inputs(layer.wide, numbers, numbers.weights)
        + 3 * inner * numbers.products
        + _inputs([layer.narrow], numbers, numbers.products)
    )


def _root_mean_square(width: int, learns: bool, numbers: Numbers, entered: bool) -> float:
    if not (entered or learns):
        return 0.0
    return width * (4 * entered + numbers.weights * learns) + STATISTICS


def _vision(anatomy: Anatomy, batch: Batch, numbers: Numbers, checkpointing: bool) -> tuple[float, float]:
    """What the tower keeps, and what its last layer does when it is made again."""
    if not tower_flows(anatomy, batch.looks):
        return 0.0, 0.0
    stream = numbers.weights if anatomy.widened else numbers.products
    tokens = batch.patches + anatomy.added * batch.pictures
    total = batch.patches * anatomy.patches.learns * anatomy.patches.inputs * numbers.products
    entered = anatomy.patches.learns
    full = 0.0
    for layer in anatomy.tower:
        full = tokens * tower_layer(layer, numbers, entered, stream)
        total += tokens * layer.width * stream if checkpointing else full
        entered = entered or layer.learns
    for one in anatomy.gathering:
        whole = _gathering(one, batch, tokens, numbers, stream)
        total += batch.pictures * one.queries * one.layer.width * stream if checkpointing else whole
    if anatomy.gathering:  # the tower's output, before and behind its last norm
        total += 2 * tokens * anatomy.tower[-1].width * stream
    return total + _joining(anatomy, batch, numbers, stream), full


def tower_layer(layer: Layer, numbers: Numbers, entered: bool, stream: int) -> float:
    """Bytes that a layer of the tower keeps of a patch.

    Args:
        layer: with one matrix for queries, keys and values, or three.
        numbers: see `Numbers`.
        entered: whether its input requires gradients.
        stream: bytes of a number between layers.
    """
    inner = layer.narrow.inputs
    gated = len(layer.wide) == 2  # as in a decoder, whose norms such a tower has, too
    made = 4 if numbers.wide_norms and numbers.cast and not gated else stream  # what a norm makes
    norms: float = layer.width * max(made, stream) * (1 + (entered or layer.norms_learn)) + 4 * STATISTICS
    if gated:
        norms = _root_mean_square(layer.width, layer.norms_learn, numbers, entered)
        norms += _root_mean_square(layer.width, layer.norms_learn, numbers, True)
    joint = len(layer.first) == 1  # values are then a view of queries, keys and values together
    attention = layer.width * (6 if joint and layer.turned else 4)
    return (
        norms
        + _inputs(layer.first, numbers, made, flows=entered or layer.norms_learn)
        + attention * numbers.products
        + layer.heads * STATISTICS
        + _inputs([layer.out], numbers, numbers.products, held=True)
        + _inputs(layer.wide, numbers, made)
        + (3 if gated else 1 + layer.sigmoid) * inner * numbers.products
        + _inputs([layer.narrow], numbers, numbers.products)
    )


def _gathering(one: Gathering, batch: Batch, tokens: float, numbers: Numbers, stream: int) -> float:
    """Bytes that a layer with queries keeps; tokens: of the tower's output."""
    queries = batch.pictures * one.queries
    total = queries * tower_layer(one.layer, numbers, entered=True, stream=stream)
    made = 4 if numbers.wide_norms and numbers.cast else stream  # what a norm makes
    for matrix in one.both:  # positions are added to what keys are made of
        total += (tokens + queries) * _inputs([matrix], numbers, made)
        total += (tokens + queries) * matrix.outputs * numbers.products
    return total


def _joining(anatomy: Anatomy, batch: Batch, numbers: Numbers, stream: int) -> float:
    """What mergers or a projector keep: inputs of both matrices, the state between them, a norm's input."""
    visual = batch.patches / anatomy.merged
    total = 0.0
    for first, second in zip(anatomy.joining[::2], anatomy.joining[1::2]):
        normed = first.inputs * stream if anatomy.merged > 1 else 0
        between = first.outputs * numbers.products
        inputs = _inputs([first], numbers, stream) + _inputs([second], numbers, numbers.products)
        total += visual * (normed + between + inputs)
    return total


def _inputs(
    matrices: Sequence[Matrix], numbers: Numbers, given: int, held: bool = False, flows: bool = True
) -> float:
    """Bytes of a token that matrices keep of the input that they share, and of their adapters' states.

    Args:
        matrices: what reads the input.
        numbers: see `Numbers`.
        given: bytes of a number of the input.
        held: whether the input is kept anyway, as attention keeps its output.
        flows: whether it requires gradients.
    """
    width = matrices[0].inputs
    copies = 0
    shared = False
    total = 0.0
    for matrix in matrices:
        if matrix.learns and given == numbers.products:
            shared = True
        elif matrix.learns:
            copies += 1
        if matrix.rank:
            total += matrix.rank * numbers.products
            total += width * numbers.mask * (matrix.dropout > 0) * flows
            if numbers.cast or matrix.dropout:
                copies += 1
            else:
                shared = True
    return total + width * numbers.products * (copies + (shared and not held))


def _casts(anatomy: Anatomy, batch: Batch, numbers: Numbers, checkpointing: bool) -> float:
    """Bytes of weights in bfloat16 beside their own type."""
    if not numbers.cast:
        return 0.0
    layers: list[Layer | Gathering] = list(anatomy.decoder)
    outside = [anatomy.vocabulary]  # of layers, where nothing is checkpointed
    if tower_flows(anatomy, batch.looks):
        layers += anatomy.of_tower
        outside += [anatomy.patches, *anatomy.joining]
    frozen = numbers.weights > numbers.products
    total = _cast_weights(outside, frozen)
    for layer in layers:
        total += _cast_weights(layer.matrices, frozen and not checkpointing)
    return total * numbers.products


def _cast_weights(matrices: Sequence[Matrix], frozen: bool) -> int:
    """How many weights are cast and kept; frozen: those that do not learn as well."""
    total = 0
    for matrix in matrices:
        if matrix.learns or frozen:
            total += matrix.inputs * matrix.outputs
        total += matrix.rank * (matrix.inputs + matrix.outputs)
    return total
