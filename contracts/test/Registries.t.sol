// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModelRegistry, Model, ModelVersion} from "../src/interfaces/IModelRegistry.sol";
import {Signature} from "../src/interfaces/IOracleRegistry.sol";
import {IWorkerRegistry} from "../src/interfaces/IWorkerRegistry.sol";
import {OracleDomain} from "../src/libraries/OracleDomain.sol";
import {Economy} from "./support/Economy.sol";

contract ModelRegistryTest is Economy {
    bytes32 private constant HASH = keccak256("weights");
    bytes32 private constant SALT = keccak256("salt");

    function setUp() external {
        vm.warp(START + 7 * EPOCH_LENGTH_SEC);
        models = IModelRegistry(vm.deployCode("ModelRegistry.sol:ModelRegistry", abi.encode(timing())));
    }

    function register() private returns (bytes32) {
        vm.prank(ALICE);
        return models.register(HASH, SALT, 1000);
    }

    function test_aModelCanBeUsedFromTheNextEpochOn() external {
        bytes32 id = keccak256(abi.encode(block.chainid, address(models), ALICE, HASH, SALT));
        vm.expectEmit(true, true, true, true, address(models));
        emit IModelRegistry.ModelRegistered(id, ALICE, SALT);
        vm.expectEmit(true, true, true, true, address(models));
        emit IModelRegistry.ModelVersionAdded(id, 1, HASH, 1000, 8);
        vm.assertEq(register(), id);
        vm.assertFalse(models.isUsable(id, 1, 7));
        vm.assertTrue(models.isUsable(id, 1, 8));
        vm.assertFalse(models.isUsable(id, 2, 8));
        vm.assertFalse(models.isUsable(id, 0, 8));
        Model memory model = models.modelOf(id);
        vm.assertEq(model.owner, ALICE);
        vm.assertEq(model.versions, 1);
        vm.assertEq(model.retiredFrom, 0);
    }

    function testFuzz_registeringFirstStealsNothing(address other, bytes32 hash, bytes32 salt) external {
        vm.assume(other != ALICE && hash != 0);
        vm.prank(other);
        bytes32 theirs = models.register(hash, salt, 0);
        vm.prank(ALICE);
        bytes32 hers = models.register(hash, salt, 5000);
        vm.assertTrue(theirs != hers);
        vm.assertEq(models.modelOf(hers).owner, ALICE);
    }

    function test_aNewVersionLeavesTheOldOnesAsTheyAre() external {
        bytes32 id = register();
        vm.warp(START + 9 * EPOCH_LENGTH_SEC);
        vm.prank(ALICE);
        vm.assertEq(models.newVersion(id, "better", 2000), 2);
        vm.assertFalse(models.isUsable(id, 2, 9));
        vm.assertTrue(models.isUsable(id, 2, 10));
        vm.assertTrue(models.isUsable(id, 1, 10));
        ModelVersion memory first = models.versionOf(id, 1);
        vm.assertEq(first.hash, HASH);
        vm.assertEq(first.royaltyBps, 1000);
        vm.assertEq(models.versionOf(id, 2).royaltyBps, 2000);
        vm.assertEq(models.versionOf(id, 2).hash, "better");
    }

    function test_retiringEndsAllVersionsForGood() external {
        bytes32 id = register();
        vm.warp(START + 9 * EPOCH_LENGTH_SEC);
        vm.expectEmit(true, true, true, true, address(models));
        emit IModelRegistry.ModelRetired(id, 10);
        vm.prank(ALICE);
        models.retire(id);
        vm.assertTrue(models.isUsable(id, 1, 9));
        vm.assertFalse(models.isUsable(id, 1, 10));
        bytes memory reason = abi.encodeWithSelector(IModelRegistry.AlreadyRetired.selector, id, 10);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        models.newVersion(id, HASH, 0);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        models.retire(id);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.AlreadyRegistered.selector, id));
        models.register(HASH, SALT, 0);
    }

    function test_onlyTheOwnerChangesAModel() external {
        bytes32 id = register();
        bytes memory reason = abi.encodeWithSelector(IModelRegistry.NotOwner.selector, address(this), ALICE);
        vm.expectRevert(reason);
        models.newVersion(id, HASH, 0);
        vm.expectRevert(reason);
        models.retire(id);
    }

    function test_refusesMoreThanHalfAsRoyalty() external {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.RoyaltyTooHigh.selector, 5001, 5000));
        models.register(HASH, SALT, 5001);
        bytes32 id = models.register(HASH, SALT, 5000);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.RoyaltyTooHigh.selector, 5001, 5000));
        models.newVersion(id, HASH, 5001);
    }

    function test_refusesNoFilesAndWhatDoesNotExist() external {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ZeroHash.selector));
        models.register(0, SALT, 0);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, SALT));
        models.modelOf(SALT);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, SALT));
        models.retire(SALT);
        bytes32 id = register();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownVersion.selector, id, 2, 1));
        models.versionOf(id, 2);
    }
}

contract WorkerRegistryTest is Economy {
    uint256 private constant DEVICE_SECRET = uint256(keccak256("device"));

    function setUp() external {
        workers =
            IWorkerRegistry(vm.deployCode("WorkerRegistry.sol:WorkerRegistry", abi.encode(address(0x4E))));
    }

    function consent(address worker) private view returns (Signature memory) {
        return compact(DEVICE_SECRET, workers.deviceDigest(worker, vm.addr(DEVICE_SECRET)));
    }

    function test_registersADeviceThatSignedForTheWorker() external {
        address device = vm.addr(DEVICE_SECRET);
        Signature memory signature = consent(ALICE);
        vm.expectEmit(true, true, true, true, address(workers));
        emit IWorkerRegistry.DeviceRegistered(ALICE, device);
        vm.prank(ALICE);
        workers.register(device, signature);
        vm.assertEq(workers.workerOf(device), ALICE);
    }

    function test_theDeviceSignsInTheNetworksDomain() external view {
        bytes32 structHash =
            keccak256(abi.encode(keccak256("Device(address worker,address device)"), ALICE, address(0xDE)));
        vm.assertEq(
            workers.deviceDigest(ALICE, address(0xDE)),
            OracleDomain.digest(OracleDomain.separator(address(0x4E)), structHash)
        );
    }

    function test_refusesADeviceThatSignedForAnotherOrNobody() external {
        address device = vm.addr(DEVICE_SECRET);
        Signature memory signature = consent(ALICE);
        bytes memory reason = abi.encodeWithSelector(IWorkerRegistry.InvalidDeviceSignature.selector, device);
        vm.prank(BOB);
        vm.expectRevert(reason);
        workers.register(device, signature);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        workers.register(device, Signature(0, 0));
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IWorkerRegistry.InvalidDeviceSignature.selector, address(0)));
        workers.register(address(0), Signature(0, 0));
    }

    function test_aDeviceBelongsToOneWorkerForGood() external {
        address device = vm.addr(DEVICE_SECRET);
        Signature memory forAlice = consent(ALICE);
        vm.prank(ALICE);
        workers.register(device, forAlice);
        Signature memory forBob = consent(BOB);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IWorkerRegistry.DeviceTaken.selector, device, ALICE));
        workers.register(device, forBob);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IWorkerRegistry.DeviceTaken.selector, device, ALICE));
        workers.register(device, forAlice);
    }
}
