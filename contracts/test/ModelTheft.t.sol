// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Economy} from "./support/Economy.sol";

/// @notice Somebody sees a model in the pool of transactions and registers it first.
contract ModelTheftTest is Economy {
    address private constant THIEF = address(0x7E1F);
    bytes32 private constant HASH = keccak256("weights");
    bytes32 private constant SALT = keccak256("salt");

    function setUp() external {
        deployEconomy(0);
    }

    function test_registeringFirstStealsNothing() external {
        vm.prank(THIEF);
        bytes32 stolen = models.register(HASH, SALT, 5000);
        vm.prank(ALICE);
        bytes32 id = models.register(HASH, SALT, 300);
        // Both have the weights' hash; receipts name the id, which has the owner in it.
        vm.assertTrue(stolen != id);
        vm.assertEq(models.modelOf(id).owner, ALICE);
        vm.assertEq(models.versionOf(id, 1).royaltyBps, 300);
        vm.assertEq(models.modelOf(stolen).owner, THIEF);
    }

    function testFuzz_nobodyElseComesToAnOwnersId(address thief, bytes32 salt, bytes32 hash) external view {
        vm.assume(thief != ALICE);
        vm.assertTrue(models.idOf(thief, hash, salt) != models.idOf(ALICE, HASH, SALT));
    }

    function test_aThiefAddsNoVersionAndRetiresNothing() external {
        vm.prank(ALICE);
        bytes32 id = models.register(HASH, SALT, 300);
        vm.prank(THIEF);
        vm.expectPartialRevert(IModelRegistry.NotOwner.selector);
        models.newVersion(id, HASH, 5000);
        vm.prank(THIEF);
        vm.expectPartialRevert(IModelRegistry.NotOwner.selector);
        models.retire(id);
    }
}
