// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGroupKeyConsumer} from "../src/interfaces/IGroupKeyConsumer.sol";
import {IOracleRegistry, Member, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {Schnorr} from "../src/libraries/Schnorr.sol";
import {CertificateVector, CertificateVectors, NetworkVector} from "./support/CertificateVectors.sol";
import {Network} from "./support/Network.sol";

/// @notice The certificates of test/vectors, which TypeScript makes and checks too.
contract CertificatesTest is Network {
    function registryOf(NetworkVector memory network) private returns (IOracleRegistry) {
        Member[] memory all = new Member[](network.n);
        for (uint256 i = 0; i < network.n; ++i) {
            all[i] = Member(network.members[i], keccak256(abi.encode("peer", i)));
        }
        return deployRegistry(all, noServices(), new IGroupKeyConsumer[](0));
    }

    function test_groupCertificatesHoldAndNoneWithAnyBitTurned() external view {
        NetworkVector[] memory networks = CertificateVectors.all();
        vm.assertEq(networks.length, 3);
        for (uint256 i = 0; i < networks.length; ++i) {
            for (uint256 j = 0; j < networks[i].certificates.length; ++j) {
                CertificateVector memory each = networks[i].certificates[j];
                uint256 px = networks[i].px;
                vm.assertTrue(Schnorr.verify(px, each.digest, each.r, each.s));
                vm.assertFalse(Schnorr.verify(px, each.digest, each.r, Schnorr.Q - each.s));
                for (uint256 bit = 1; bit != 0; bit <<= 1) {
                    vm.assertFalse(Schnorr.verify(px ^ bit, each.digest, each.r, each.s));
                    vm.assertFalse(Schnorr.verify(px, each.digest ^ bytes32(bit), each.r, each.s));
                    vm.assertFalse(Schnorr.verify(px, each.digest, each.r, each.s ^ bit));
                    if (bit >> 160 != 0) continue;
                    vm.assertFalse(
                        Schnorr.verify(px, each.digest, address(uint160(each.r) ^ uint160(bit)), each.s)
                    );
                }
            }
        }
    }

    function test_quorumCertificatesHoldAndNoneOutOfOrderOrTooShort() external {
        NetworkVector[] memory networks = CertificateVectors.all();
        for (uint256 i = 0; i < networks.length; ++i) {
            IOracleRegistry members = registryOf(networks[i]);
            for (uint256 j = 0; j < networks[i].certificates.length; ++j) {
                CertificateVector memory each = networks[i].certificates[j];
                Signature[] memory signatures = each.signatures;
                vm.assertEq(signatures.length, networks[i].q);
                members.verifyQuorum(each.digest, signatures);
                refused(members, keccak256(abi.encode(each.digest)), signatures);

                Signature[] memory short = new Signature[](signatures.length - 1);
                for (uint256 k = 0; k + 1 < signatures.length; ++k) {
                    short[k] = signatures[k];
                    (signatures[k], signatures[k + 1]) = (signatures[k + 1], signatures[k]);
                    refused(members, each.digest, signatures);
                    (signatures[k], signatures[k + 1]) = (signatures[k + 1], signatures[k]);
                    Signature memory kept = signatures[k];
                    signatures[k] = signatures[k + 1];
                    refused(members, each.digest, signatures);
                    signatures[k] = kept;
                }
                refused(members, each.digest, short);
                members.verifyQuorum(each.digest, signatures);
            }
        }
    }

    function refused(IOracleRegistry members, bytes32 digest, Signature[] memory signatures) private {
        vm.expectRevert();
        members.verifyQuorum(digest, signatures);
    }
}
