// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GroupKeys, IGroupKeyConsumer} from "../src/interfaces/IGroupKeyConsumer.sol";
import {IOracleRegistry, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {EpochParams} from "../src/interfaces/IParameters.sol";
import {EpochReport, EpochStatus, ISettlement} from "../src/interfaces/ISettlement.sol";
import {OracleDomain} from "../src/libraries/OracleDomain.sol";
import {Economy} from "./support/Economy.sol";

contract SettlementChecksTest is Economy {
    function setUp() external {
        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        giveIosd(ALICE, 1000e18);
        deposit(ALICE, IO_ASSET, 1000e18);
        deposit(ALICE, IOSD_ASSET, 1000e18);
        endEpoch(0);
    }

    function refuses(EpochReport memory report, bytes memory reason) private {
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(report));
        vm.expectRevert(reason);
        settlement.settle(report, r, s);
        Signature[] memory signatures = quorum(settlement.reportDigest(report), 0, 3);
        vm.expectRevert(reason);
        settlement.settleWithQuorum(report, signatures);
    }

    // --- the certificate ---

    function test_isCertifiedByTheGroupKey() external {
        EpochReport memory report = emptyReport();
        vm.assertTrue(settlement.statusOf(0) == EpochStatus.None);
        settle(report);
        vm.assertTrue(settlement.statusOf(0) == EpochStatus.Active);
        vm.assertTrue(settlement.statusOf(1) == EpochStatus.None);
        vm.assertEq(settlement.nextEpoch(), 1);
    }

    function test_isCertifiedByAQuorumOfIdentities() external {
        EpochReport memory report = emptyReport();
        settlement.settleWithQuorum(report, quorum(settlement.reportDigest(report), 1, 3));
        vm.assertEq(settlement.nextEpoch(), 1);
    }

    function test_isCertifiedByIdentitiesBeforeThereIsAGroupKey() external {
        deployEconomy(0);
        endEpoch(0);
        EpochReport memory report = emptyReport();
        vm.assertEq(report.keyEpoch, 0);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(report));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.InvalidCertificate.selector, 0));
        settlement.settle(report, r, s);
        settlement.settleWithQuorum(report, quorum(settlement.reportDigest(report), 0, 3));
        vm.assertEq(settlement.nextEpoch(), 1);
    }

    function test_refusesOneSignatureTooFew() external {
        EpochReport memory report = emptyReport();
        Signature[] memory signatures = quorum(settlement.reportDigest(report), 0, 2);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, 2, 3));
        settlement.settleWithQuorum(report, signatures);
    }

    function testFuzz_refusesACertificateOfAnotherReport(bytes32 bundleHash) external {
        EpochReport memory report = emptyReport();
        vm.assume(bundleHash != report.bundleHash);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(report));
        report.bundleHash = bundleHash;
        uint256 px = groupPublicKey(GROUP_SECRET);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.InvalidCertificate.selector, px));
        settlement.settle(report, r, s);
    }

    function test_signsTheReportInTheNetworksDomain() external view {
        EpochReport memory report = emptyReport();
        bytes memory fields = bytes.concat(
            "EpochReport(uint32 keyEpoch,uint64 epoch,uint32 attempt,uint40 validUntil,uint32 paramsVersion,",
            "uint64 snapshotBlock,bytes32 snapshotHash,bytes32 previousRewardRoot,bytes32 previousDebitRoot,",
            "bytes32 rewardRoot,bytes32 debitRoot,uint256 hiredPaid,uint256 availabilityPaid,uint256 debitIosd,",
            "uint256 debitIo,uint256 cumulativeRewards,uint256 cumulativeDebitIosd,uint256 cumulativeDebitIo,",
            "bytes32 bundleHash,bytes32 batchesRoot,bytes32 commitmentsRoot)"
        );
        bytes32 structHash = keccak256(bytes.concat(keccak256(fields), abi.encode(report)));
        bytes32 domain = OracleDomain.separator(address(registry));
        vm.assertEq(settlement.reportDigest(report), OracleDomain.digest(domain, structHash));
    }

    function test_takesItsKeyFromTheRegistryOnly() external {
        uint256 px = groupPublicKey(GROUP_SECRET);
        GroupKeys memory keys = GroupKeys(1, px, 0, uint40(START));
        vm.assertEq(keccak256(abi.encode(settlement.groupKeys())), keccak256(abi.encode(keys)));
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.Unauthorized.selector, address(this), address(registry))
        );
        settlement.setGroupKey(2, 1, 0);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit IGroupKeyConsumer.GroupKeySet(2, px, uint40(START + EPOCH_LENGTH_SEC + 2 * HANDOVER_SEC));
        rotate(GROUP_SECRET, 0);
    }

    // --- what it checks before the signature ---

    function test_settlesEachEpochOnceAndInOrder() external {
        endEpoch(1);
        EpochReport memory report = emptyReport();
        report.epoch = 1;
        refuses(report, abi.encodeWithSelector(ISettlement.EpochOutOfOrder.selector, 1, 0));
        report = emptyReport();
        settle(report);
        refuses(report, abi.encodeWithSelector(ISettlement.EpochOutOfOrder.selector, 0, 1));
    }

    function test_settlesNothingBeforeTheEpochsEnd() external {
        settle(emptyReport());
        uint256 end = START + 2 * EPOCH_LENGTH_SEC;
        vm.warp(end - 1);
        refuses(emptyReport(), abi.encodeWithSelector(ISettlement.EpochNotEnded.selector, end - 1, end));
        vm.warp(end);
        settle(emptyReport());
    }

    function test_refusesAnExpiredReport() external {
        EpochReport memory report = emptyReport();
        report.validUntil = uint40(block.timestamp - 1);
        refuses(
            report,
            abi.encodeWithSelector(ISettlement.ReportExpired.selector, block.timestamp, block.timestamp - 1)
        );
        report.validUntil = uint40(block.timestamp);
        settle(report);
    }

    function test_refusesAnotherKeyEpoch() external {
        EpochReport memory report = emptyReport();
        report.keyEpoch = 2;
        refuses(report, abi.encodeWithSelector(ISettlement.WrongKeyEpoch.selector, 2, 1));
        report.keyEpoch = type(uint32).max;
        refuses(report, abi.encodeWithSelector(ISettlement.WrongKeyEpoch.selector, type(uint32).max, 1));
        // The first key has no handover: nothing of the time before it is taken.
        report.keyEpoch = 0;
        refuses(report, abi.encodeWithSelector(ISettlement.WrongKeyEpoch.selector, 0, 1));
    }

    function test_refusesOtherParametersThanTheEpochHad() external {
        EpochParams memory params = epochParams();
        params.hiredBps = 1;
        vm.prank(address(timelock));
        parameters.set(params);
        EpochReport memory report = emptyReport();
        report.paramsVersion = 2;
        refuses(report, abi.encodeWithSelector(ISettlement.WrongParamsVersion.selector, 2, 1));
    }

    function test_refusesASnapshotThatIsNotOnThisChain() external {
        EpochReport memory report = emptyReport();
        report.snapshotBlock = uint64(block.number);
        refuses(
            report, abi.encodeWithSelector(ISettlement.SnapshotInFuture.selector, block.number, block.number)
        );
        report = emptyReport();
        report.snapshotHash = "fork";
        bytes32 hash = blockhash(block.number - 1);
        refuses(report, abi.encodeWithSelector(ISettlement.WrongSnapshotHash.selector, bytes32("fork"), hash));
    }

    function test_takesASnapshotThatIsTooOldToCompare() external {
        EpochReport memory report = emptyReport();
        report.snapshotHash = "unknown";
        vm.roll(block.number + 300);
        settle(report);
    }

    function test_refusesRootsThatGrewFromOthers() external {
        EpochReport memory report = emptyReport();
        report.previousRewardRoot = "other";
        refuses(
            report,
            abi.encodeWithSelector(ISettlement.WrongPreviousRewardRoot.selector, bytes32("other"), bytes32(0))
        );
        report = emptyReport();
        report.previousDebitRoot = "other";
        refuses(
            report,
            abi.encodeWithSelector(ISettlement.WrongPreviousDebitRoot.selector, bytes32("other"), bytes32(0))
        );
    }

    function testFuzz_refusesATotalThatIsAWeiOff(uint256 field, bool more) external {
        field = bound(field, 0, 2);
        EpochReport memory report = paying(1e18, 2e18, 3e18, 4e18);
        bytes4 selector;
        uint256 required;
        if (field == 0) {
            (selector, required) = (ISettlement.WrongCumulativeRewards.selector, 7e18);
            report.cumulativeRewards = more ? required + 1 : required - 1;
        } else if (field == 1) {
            (selector, required) = (ISettlement.WrongCumulativeDebitIosd.selector, 3e18);
            report.cumulativeDebitIosd = more ? required + 1 : required - 1;
        } else {
            (selector, required) = (ISettlement.WrongCumulativeDebitIo.selector, 4e18);
            report.cumulativeDebitIo = more ? required + 1 : required - 1;
        }
        refuses(report, abi.encodeWithSelector(selector, more ? required + 1 : required - 1, required));
    }

    function test_paysNoMoreForHiresThanTheirShareOfThePool() external {
        uint256 maximum = settlement.nextPool().pool * 7000 / 10_000;
        refuses(
            paying(maximum + 1, 0, 0, 0),
            abi.encodeWithSelector(ISettlement.HiredAboveMaximum.selector, maximum + 1, maximum)
        );
        settle(paying(maximum, 0, 0, 0));
    }

    function test_paysNoMoreThanThePool() external {
        uint256 pool = settlement.nextPool().pool;
        refuses(
            paying(5, pool - 4, 0, 0),
            abi.encodeWithSelector(ISettlement.AvailabilityAboveMaximum.selector, pool - 4, pool - 5)
        );
        settle(paying(5, pool - 5, 0, 0));
        vm.assertEq(settlement.reserve(), 0);
    }

    function test_takesNoMoreThanItsShareOfTheEscrow() external {
        refuses(
            paying(0, 0, 500e18 + 1, 0),
            abi.encodeWithSelector(ISettlement.DebitAboveMaximum.selector, IOSD_ASSET, 500e18 + 1, 500e18)
        );
        refuses(
            paying(0, 0, 0, 500e18 + 1),
            abi.encodeWithSelector(ISettlement.DebitAboveMaximum.selector, IO_ASSET, 500e18 + 1, 500e18)
        );
        settle(paying(0, 0, 500e18, 500e18));
    }
}
