"""Operators that update weights: one step of an optimizer, in place on its states.

The result goes to ``out``, usually the weight itself; without ``out`` it is a new array and the weight stays. Common
attributes: ``lr`` the learning rate, ``wd`` the weight decay, ``rescale_grad`` a factor on the gradient,
``clip_gradient`` the limit of its absolute values after rescaling (negative: none). ``lazy_update`` concerns gradients
of row-sparse storage, of which only the stored rows are updated; for dense ones it means nothing.

Operators ``mp_*`` keep the weight twice: in half precision, and in float32 (``weight32``), where the step is done.
Operators ``multi_*`` update several weights at once; their arrays come weight by weight: (weight, grad, states...) * n.
"""
