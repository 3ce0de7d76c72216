// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "../../src/interfaces/IOracleRegistry.sol";
import {Schnorr} from "../../src/libraries/Schnorr.sol";
import {Test, Vm} from "./Test.sol";

/// @notice Signs as members and as a group whose whole key the test holds.
abstract contract Signing is Test {
    function compact(uint256 secret, bytes32 digest) internal pure returns (Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, digest);
        return Signature(r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }

    function signAscending(uint256[] memory secrets, bytes32 digest)
        internal
        pure
        returns (Signature[] memory all)
    {
        for (uint256 i = 0; i < secrets.length; ++i) {
            for (uint256 j = i; j > 0 && vm.addr(secrets[j]) < vm.addr(secrets[j - 1]); --j) {
                (secrets[j], secrets[j - 1]) = (secrets[j - 1], secrets[j]);
            }
        }
        all = new Signature[](secrets.length);
        for (uint256 i = 0; i < secrets.length; ++i) {
            all[i] = compact(secrets[i], digest);
        }
    }

    /// @dev The x coordinate of the key. Its y is made even by negating the secret where it is odd.
    function groupPublicKey(uint256 secret) internal returns (uint256 px) {
        return vm.createWallet(secret).publicKeyX;
    }

    function signSchnorr(uint256 secret, bytes32 digest) internal returns (address r, uint256 s) {
        Vm.Wallet memory wallet = vm.createWallet(secret);
        uint256 px = wallet.publicKeyX;
        uint256 x = wallet.publicKeyY % 2 == 0 ? secret : Schnorr.Q - secret;
        uint256 k = uint256(keccak256(abi.encode("nonce", secret, digest))) % Schnorr.Q;
        r = vm.addr(k);
        uint256 e = uint256(keccak256(abi.encodePacked(px, uint8(0), digest, r))) % Schnorr.Q;
        s = addmod(k, mulmod(e, x, Schnorr.Q), Schnorr.Q);
    }
}
