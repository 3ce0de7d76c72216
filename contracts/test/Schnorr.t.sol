// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Schnorr} from "../src/libraries/Schnorr.sol";
import {Signing} from "./support/Signing.sol";

contract SchnorrTest is Signing {
    uint256 private constant SECRET = uint256(keccak256("secret"));
    bytes32 private constant DIGEST = keccak256("digest");

    function testFuzz_acceptsEverySignatureOfEveryKey(uint256 secret, bytes32 digest) external {
        secret = bound(secret, 1, Schnorr.Q - 1);
        uint256 px = groupPublicKey(secret);
        vm.assume(px < Schnorr.Q);
        (address r, uint256 s) = signSchnorr(secret, digest);
        vm.assertTrue(Schnorr.verify(px, digest, r, s));
    }

    function testFuzz_refusesAnyOtherDigest(bytes32 other) external {
        vm.assume(other != DIGEST);
        (address r, uint256 s) = signSchnorr(SECRET, DIGEST);
        vm.assertFalse(Schnorr.verify(groupPublicKey(SECRET), other, r, s));
    }

    function testFuzz_refusesAnyOtherScalar(uint256 other) external {
        (address r, uint256 s) = signSchnorr(SECRET, DIGEST);
        vm.assume(other != s);
        vm.assertFalse(Schnorr.verify(groupPublicKey(SECRET), DIGEST, r, other));
    }

    function testFuzz_refusesAnyOtherNonceAddress(address other) external {
        (address r, uint256 s) = signSchnorr(SECRET, DIGEST);
        vm.assume(other != r);
        vm.assertFalse(Schnorr.verify(groupPublicKey(SECRET), DIGEST, other, s));
    }

    function testFuzz_refusesAnyOtherKey(uint256 px) external {
        (address r, uint256 s) = signSchnorr(SECRET, DIGEST);
        vm.assume(px != groupPublicKey(SECRET));
        vm.assertFalse(Schnorr.verify(px, DIGEST, r, s));
    }

    function test_refusesTheSecondEncodingOfAScalar() external {
        // s and s + Q are the same scalar to ecrecover. No signature with an s so small that s + Q still fits a word can
        // be made on purpose, so only the bound is tested.
        uint256 px = groupPublicKey(SECRET);
        (address r,) = signSchnorr(SECRET, DIGEST);
        vm.assertFalse(Schnorr.verify(px, DIGEST, r, Schnorr.Q));
        vm.assertFalse(Schnorr.verify(px, DIGEST, r, Schnorr.Q + 1));
        vm.assertFalse(Schnorr.verify(px, DIGEST, r, type(uint256).max));
    }

    function test_refusesZeroes() external {
        uint256 px = groupPublicKey(SECRET);
        (address r, uint256 s) = signSchnorr(SECRET, DIGEST);
        vm.assertFalse(Schnorr.verify(px, DIGEST, r, 0));
        vm.assertFalse(Schnorr.verify(px, DIGEST, address(0), s));
        vm.assertFalse(Schnorr.verify(0, DIGEST, r, s));
        // No key at all, with the address that ecrecover's failure looks like.
        vm.assertFalse(Schnorr.verify(0, DIGEST, address(0), s));
    }

    /// @dev Zero is what stands where there is no key: whoever asks with it gets no.
    function testFuzz_noKeySignsNothing(bytes32 digest, address r, uint256 s) external view {
        vm.assertFalse(Schnorr.verify(0, digest, r, s));
        vm.assertFalse(Schnorr.verify(0, digest, r, s % Schnorr.Q));
    }

    function test_refusesAKeyThatIsOnNoPointOfTheCurve() external view {
        // 5³ + 7 is no square modulo the field's prime. ecrecover fails, and its failure is not taken for address zero.
        vm.assertFalse(Schnorr.verify(5, DIGEST, address(0), 1));
        vm.assertFalse(Schnorr.verify(5, DIGEST, address(1), 1));
        // Nor is what ecrecover then leaves where its answer would be, its first input −s·px: here 1.
        uint256 s = mulmod(Schnorr.Q - 1, Math.invModPrime(5, Schnorr.Q), Schnorr.Q);
        vm.assertFalse(Schnorr.verify(5, DIGEST, address(1), s));
    }

    /// @dev With s chosen so that s·G − e·P is a point the forger knows the secret of, r would have to be chosen before
    /// e; here r is taken from the answer of the very check, and so does not fit its own challenge.
    function test_refusesANonceThatWasChosenAfterItsChallenge() external {
        uint256 px = groupPublicKey(SECRET);
        address guess = address(1);
        uint256 e = uint256(keccak256(abi.encodePacked(px, uint8(0), DIGEST, guess))) % Schnorr.Q;
        address forged = ecrecover(
            bytes32(Schnorr.Q - mulmod(7, px, Schnorr.Q)),
            27,
            bytes32(px),
            bytes32(Schnorr.Q - mulmod(e, px, Schnorr.Q))
        );
        vm.assertTrue(forged != address(0));
        vm.assertFalse(Schnorr.verify(px, DIGEST, forged, 7));
    }
}
