// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Threshold Schnorr signatures over secp256k1, checked with one `ecrecover`.
library Schnorr {
    /// @notice The order of the group.
    uint256 internal constant Q = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    /// @notice Whether (`r`, `s`) is a signature of `digest` by the key with x coordinate `px` and even y.
    ///
    /// The signer holds k and x with r = address(k·G), s = k + e·x and
    /// e = keccak256(px ‖ 0x00 ‖ digest ‖ r) mod Q; the zero byte says that y is even.
    /// ecrecover(h, v, R.x, S) answers address(R.x⁻¹·(S·R − h·G)). With R := P (its x is px, v = 27 as y is even),
    /// h := −s·px and S := −e·px that is address(s·G − e·P), which must be r.
    ///
    /// @dev Bounds, each against a forgery or an ambiguity: 0 < s < Q, so that a signature has one encoding; r ≠ 0, as
    /// nothing is answered for an invalid input. `ecrecover` itself refuses R.x outside of 0 < R.x < Q and an R.x that
    /// is on no point of the curve: so a key is proven valid by any signature of it, and px = 0, which stands for no key,
    /// has none.
    function verify(uint256 px, bytes32 digest, address r, uint256 s) internal view returns (bool ok) {
        assembly ("memory-safe") {
            // Works in the 128 bytes below free memory and puts back what belongs there: the free memory pointer at
            // 0x40 and the zero word at 0x60.
            let freePointer := mload(0x40)

            // e: 85 bytes, px ‖ 0x00 ‖ digest ‖ r. Each write is joined by the next one.
            mstore(0x00, px)
            mstore(0x20, 0)
            mstore(0x21, digest)
            mstore(0x41, shl(96, r))
            let e := mod(keccak256(0x00, 0x55), Q)

            mstore(0x00, sub(Q, mulmod(s, px, Q)))
            mstore(0x20, 27)
            mstore(0x40, px)
            mstore(0x60, sub(Q, mulmod(e, px, Q)))
            // An invalid input succeeds with an empty answer, and leaves the input where the answer would be.
            pop(staticcall(gas(), 0x01, 0x00, 0x80, 0x00, 0x20))
            let recovered := mul(mload(0x00), eq(returndatasize(), 0x20))
            mstore(0x40, freePointer)
            mstore(0x60, 0)
            // s − 1 wraps around for s = 0. A zero answer is equal to no r.
            ok := and(gt(eq(recovered, r), iszero(r)), lt(sub(s, 1), sub(Q, 1)))
        }
    }
}
