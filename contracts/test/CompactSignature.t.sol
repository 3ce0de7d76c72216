// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Signature} from "../src/interfaces/IOracleRegistry.sol";
import {CompactSignature} from "../src/libraries/CompactSignature.sol";
import {Schnorr} from "../src/libraries/Schnorr.sol";
import {Signing} from "./support/Signing.sol";
import {Vm} from "./support/Test.sol";

contract CompactSignatureTest is Signing {
    bytes32 private constant DIGEST = keccak256("digest");
    uint256 private constant HALF_Q = Schnorr.Q / 2;

    function recover(bytes32 digest, Signature calldata signature) external view returns (address) {
        return CompactSignature.recover(digest, signature);
    }

    function testFuzz_recoversTheSigner(uint256 secret, bytes32 digest) external view {
        secret = bound(secret, 1, Schnorr.Q - 1);
        vm.assertEq(this.recover(digest, compact(secret, digest)), vm.addr(secret));
    }

    /// @dev For any nonce k and any s there is a key that signed: d = (s·k − digest) / r. EIP-2098 leaves s 255 bits, so
    /// the high values that can be written at all are those from Q/2 to 2^255.
    function signerOf(uint256 s) private returns (address signer, Signature memory signature) {
        Vm.Wallet memory nonce = vm.createWallet(12345);
        uint256 negativeDigest = Schnorr.Q - uint256(DIGEST) % Schnorr.Q;
        uint256 sum = addmod(mulmod(s, 12345, Schnorr.Q), negativeDigest, Schnorr.Q);
        uint256 secret = mulmod(sum, Math.invModPrime(nonce.publicKeyX, Schnorr.Q), Schnorr.Q);
        signature = Signature(bytes32(nonce.publicKeyX), bytes32(s | (nonce.publicKeyY % 2 << 255)));
        signer = vm.addr(secret);
        uint8 v = uint8(27 + nonce.publicKeyY % 2);
        vm.assertEq(ecrecover(DIGEST, v, signature.r, bytes32(s)), signer);
    }

    function test_acceptsAnSOfHalfTheOrderAndNothingAbove() external {
        (address signer, Signature memory signature) = signerOf(HALF_Q);
        vm.assertEq(this.recover(DIGEST, signature), signer);

        (, signature) = signerOf(HALF_Q + 1);
        vm.assertEq(this.recover(DIGEST, signature), address(0));
        (, signature) = signerOf((1 << 255) - 1);
        vm.assertEq(this.recover(DIGEST, signature), address(0));
    }

    function test_recoversNobodyFromWhatIsNoSignature() external view {
        Signature memory good = compact(1, DIGEST);
        vm.assertEq(this.recover(DIGEST, Signature(0, good.yParityAndS)), address(0));
        vm.assertEq(this.recover(DIGEST, Signature(good.r, 0)), address(0));
        vm.assertEq(this.recover(DIGEST, Signature(bytes32(Schnorr.Q), good.yParityAndS)), address(0));
    }
}
